import type { CaseResult } from '@moe-dispatch/conformance';
import { useRef, useState } from 'preact/hooks';
import type { BackendName, PlainError, SuiteEnd, SuiteProgress } from '../protocol.js';
import { WorkerClient } from '../worker-client.js';

export interface SuiteRun {
  readonly state: 'running' | 'stopped' | 'failed' | 'done';
  readonly results: readonly CaseResult[];
  /** How many cases there are; 0 until the first is done. */
  readonly total: number;
  readonly end?: SuiteEnd;
  readonly error?: PlainError;
}

/** Runs the conformance suite in a worker of its own, so that `stop` ends it at once. */
export function useSuite() {
  const [run, setRun] = useState<SuiteRun>();
  const worker = useRef<WorkerClient>(undefined);
  const update = (changed: Partial<SuiteRun>) => setRun((before) => before && { ...before, ...changed });
  const progress = ({ result, total }: SuiteProgress) =>
    setRun((before) => before && { ...before, total, results: [...before.results, result] });

  const start = async (backend: BackendName, filter: string) => {
    const own = new WorkerClient();
    worker.current = own;
    setRun({ state: 'running', results: [], total: 0 });
    try {
      update({ state: 'done', end: await own.call('conformance', { backend, filter }, progress) });
    } catch (error) {
      update({ state: 'failed', error: error as PlainError });
    }
    own.terminate();
  };
  const stop = () => {
    worker.current?.terminate();
    update({ state: 'stopped' });
  };
  return { run, start, stop };
}
