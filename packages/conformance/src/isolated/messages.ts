import type { Shape } from '../bench/bench-report.js';
import type { BenchHeader, ShapeResult } from '../bench/bench-shape.js';
import type { CallOutcome, ComparisonHeader } from '../compare-backends.js';
import type { Diagnosis } from '../doctor/diagnosis.js';
import type { CaseResult, ConformanceReport, ErrorHistogram } from '../report.js';

/** What a process can do with backends, and what it says of it. `backend` is as for loadBackend. */
export interface Tasks {
  /** Runs the cases of a selection, from one of them on. */
  run: {
    readonly input: RunInput;
    readonly header: Pick<ConformanceReport, 'backend' | 'machine'>;
    readonly result: { readonly result: CaseResult; readonly errors: readonly ErrorHistogram[] };
  };
  compare: {
    readonly input: {
      readonly backends: readonly [a: string, b: string];
      readonly cases: number;
      readonly seed: number;
    };
    readonly header: ComparisonHeader;
    readonly result: CallOutcome;
  };
  bench: {
    readonly input: BenchInput;
    readonly header: BenchHeader;
    readonly result: ShapeResult;
  };
  /** Gives a line for each part of the calls. */
  hash: {
    readonly input: { readonly backend: string; readonly cases: number; readonly seed: number };
    readonly header: object;
    readonly result: string;
  };
  diagnose: { readonly input: string; readonly header: object; readonly result: Diagnosis };
}

export type TaskName = keyof Tasks;

export interface RunInput {
  readonly backend: string;
  /** A folder of fixtures; undefined for the package's own. */
  readonly fixtures: string | undefined;
  readonly filter: string | undefined;
  readonly seed: number | undefined;
  readonly random: number | undefined;
  /** For one case, in milliseconds. */
  readonly timeout: number;
  /** Index of the first case to run; those before it are done. */
  readonly first: number;
}

export interface BenchInput {
  readonly backend: string;
  readonly shapes: readonly Shape[];
  readonly dtype: 'float32' | 'float16' | 'bfloat16';
  readonly maxBytes: number;
}

/** What a process is asked to do. */
export interface ChildRequest<T extends TaskName = TaskName> {
  /** Goes along with every message of the process, because its backend may send others. */
  readonly token: string;
  readonly task: T;
  readonly input: Tasks[T]['input'];
}

/** What it says, in this order: ready, then any number of begin and result, then done; or failed at any time. */
export type ChildMessage<T extends TaskName = TaskName> =
  | { readonly kind: 'ready'; readonly header: Tasks[T]['header'] }
  /** A step begins, for which the time limit counts. */
  | { readonly kind: 'begin'; readonly index: number }
  | { readonly kind: 'result'; readonly result: Tasks[T]['result'] }
  | { readonly kind: 'done' }
  /** It cannot go on; before ready, because there is no backend. */
  | { readonly kind: 'failed'; readonly message: string };

/** A message as it is sent. */
export interface Envelope {
  readonly token: string;
  readonly message: ChildMessage;
}
