import { ConformanceError } from '../conformance-error.js';
import type { CaseResult, ErrorHistogram } from '../report.js';
import type { RunInput, Tasks } from './messages.js';
import { runTask } from './task-process.js';

type Header = Tasks['run']['header'];

export interface IsolatedOptions {
  readonly input: Omit<RunInput, 'first'>;
  /** The ids of all cases that the input means, in order. */
  readonly ids: readonly string[];
  readonly signal: AbortSignal;
  /** @param errors how far the case's floats lay from the oracle */
  onCase(result: CaseResult, errors: readonly ErrorHistogram[]): void;
}

/**
 * Runs cases in another process. Where one blocks, crashes or ends that process, it has failed, and a new process goes on
 * with the next.
 * @returns what the report says of backend and machine; undefined if `signal` came before they were known.
 * @throws ConformanceError if there is no backend
 */
export async function runIsolated(options: IsolatedOptions): Promise<Header | undefined> {
  const { ids, input, signal, onCase } = options;
  let header: Header | undefined;
  let done = 0;
  while (done < ids.length && !signal.aborted) {
    let begun: number | undefined;
    const failure = await runTask({
      task: 'run',
      input: { ...input, first: done },
      timeout: input.timeout,
      signal,
      onReady: (found) => {
        header ??= found;
      },
      onBegin: () => {
        begun = performance.now();
      },
      onResult: ({ result, errors }) => {
        begun = undefined;
        done += 1;
        onCase(result, errors);
      },
    });
    // After the last case it is of no interest how the process ended.
    if (done === ids.length || signal.aborted) break;
    const error = failure ?? { name: 'ProcessError', message: 'its process ended before the last case' };
    if (header === undefined) throw new ConformanceError(error.message);
    const ms = begun === undefined ? 0 : performance.now() - begun;
    onCase({ id: ids[done], status: 'failed', ms, differences: [], error }, []);
    done += 1;
  }
  return header;
}
