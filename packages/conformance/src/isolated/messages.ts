import type { CaseResult, ConformanceReport, ErrorHistogram } from '../report.js';

/** What a process that runs cases is asked to do. */
export interface ChildRequest {
  /** Goes along with every message of the process, because its backend may send others. */
  readonly token: string;
  /** As for loadBackend. */
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

/** What it says, in this order: ready, then begin and result for each case, then done; or failed at any time. */
export type ChildMessage =
  | ({ readonly kind: 'ready' } & Pick<ConformanceReport, 'backend' | 'machine'>)
  | { readonly kind: 'begin'; readonly index: number }
  | { readonly kind: 'result'; readonly result: CaseResult; readonly errors: readonly ErrorHistogram[] }
  | { readonly kind: 'done' }
  /** There is no backend to run on. */
  | { readonly kind: 'failed'; readonly message: string };

/** A message as it is sent. */
export interface Envelope {
  readonly token: string;
  readonly message: ChildMessage;
}
