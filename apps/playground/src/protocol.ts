import type { CaseResult } from '@moe-dispatch/conformance';
import type { DType, RouterOptions } from '@moe-dispatch/core';
import type { Settings } from './settings.js';

/** What the page asks of the worker, by name: arguments and answer. All work is done there. */
export interface Requests {
  /** Reads a safetensors file and keeps it for `dispatch`. */
  load: { args: { bytes: Uint8Array<ArrayBuffer>; name: string }; result: FileInfo };
  /** Dispatches random data of the settings, or the loaded file. */
  dispatch: { args: { settings: Settings; routing: Routing; fromFile: boolean }; result: DispatchView };
  /** Times the last dispatch on every backend. */
  time: { args: undefined; result: readonly Timing[] };
  /** The last dispatch's results as a safetensors file. */
  save: { args: undefined; result: Uint8Array<ArrayBuffer> };
  /** Runs the conformance suite; the cases come as progress. */
  conformance: { args: { backend: BackendName; filter: string }; result: SuiteEnd };
}

export type BackendName = 'webgpu' | 'cpu';

/** A mode of the settings in core's words: so the worker needs no models. */
export interface Routing {
  readonly mode: string;
  readonly options: RouterOptions;
  /** Whether there is a bias for the choice: that of the file, or one made up. */
  readonly biased: boolean;
}

export interface FileInfo {
  readonly name: string;
  readonly tokens: number;
  readonly hidden: number;
  readonly experts: number;
  readonly dtype: DType;
  /** The routing that the file's metadata asks for, if it does. The page may not have the mode. */
  readonly routing: Partial<Pick<Settings, 'topK' | 'mode'>>;
}

/** A dispatch's results, as far as the page draws them. */
export interface DispatchView {
  readonly source: string;
  readonly tokens: number;
  readonly hidden: number;
  /** E, zero experts included. */
  readonly experts: number;
  /** How many of the last experts have no weights and no rows. */
  readonly zeroExperts: number;
  readonly topK: number;
  readonly dtype: DType;
  /** [E]: the bias for the choice; undefined where the router has none. */
  readonly bias: Float32Array | undefined;
  /** Undefined where experts of all groups can be chosen. */
  readonly groups: GroupsView | undefined;
  /** Whether rows are multiplied by their scales on the way to the experts. */
  readonly weighsRows: boolean;
  readonly backend: { readonly name: string; readonly device: string };
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** [E]: choices of each expert. Zero experts have no rows, and `skip` ones no choices that are known. */
  readonly counts: Int32Array;
  /** [E − Z + 1] */
  readonly offsets: Int32Array;
  /** [K, T]: −1 for a choice without a row. */
  readonly rows: Int32Array;
  /** [T, K] */
  readonly scales: Float32Array;
  /** [T, K]: −1 for a choice that goes nowhere. */
  readonly chosen: Int32Array;
  readonly permutedBytes: number;
  readonly journey: JourneyView;
  /** Against the CPU; undefined where the CPU is all there is. */
  readonly comparison: readonly OutputComparison[] | undefined;
}

/** Groups of neighbouring experts, of which each token keeps some. */
export interface GroupsView {
  readonly count: number;
  /** [T, count]: 1 for a group that the token keeps. */
  readonly kept: Uint8Array;
}

/** What became of the tokens' rows. */
export interface JourneyView {
  /** How many values of a row are shown. */
  readonly width: number;
  /** [T, width] */
  readonly sent: Float32Array;
  /** [T, width] of moeReduce's result; undefined for a dtype that it does not sum. */
  readonly returned: Float32Array | undefined;
  /** [T]: the largest difference between a token's row and what moeReduce gave back. */
  readonly offBy: Float32Array;
  /** [T]: how many of the token's rows in permuteInput hold its own bytes. */
  readonly exactRows: Int32Array;
}

export interface OutputComparison {
  readonly name: string;
  readonly shape: readonly number[];
  /** Elements that are not the same bits. */
  readonly differing: number;
}

export interface Timing {
  readonly name: string;
  readonly device: string;
  readonly medianMs: number;
  readonly runs: number;
}

export interface SuiteProgress {
  readonly result: CaseResult;
  readonly done: number;
  readonly total: number;
}

export interface SuiteEnd {
  readonly device: string;
  readonly ms: number;
}

/** An error on its way from the worker. */
export interface PlainError {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
}

export interface Call {
  readonly id: number;
  readonly method: keyof Requests;
  readonly args: unknown;
}

export type Answer =
  | { readonly id: number; readonly progress: SuiteProgress }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: PlainError };
