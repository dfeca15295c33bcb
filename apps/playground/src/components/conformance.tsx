import type { CaseResult } from '@moe-dispatch/conformance';
import { useRef, useState } from 'preact/hooks';
import { deviceText } from '../device.js';
import { count } from '../format.js';
import type { BackendName, PlainError, SuiteProgress } from '../protocol.js';
import { WorkerClient } from '../worker-client.js';
import { ErrorBox } from './error-box.js';
import { SuiteResults } from './suite-results.js';

type Run =
  | { readonly state: 'running' }
  | { readonly state: 'stopped' }
  | { readonly state: 'done'; readonly device: string; readonly ms: number };

/** Runs the conformance suite in this browser, in a worker of its own, so that Stop ends it at once. */
export function Conformance({ hasWebGpu }: { hasWebGpu: boolean }) {
  const [wanted, setWanted] = useState<BackendName>();
  const [filter, setFilter] = useState('');
  const [run, setRun] = useState<Run>();
  const [error, setError] = useState<PlainError>();
  const [results, setResults] = useState<readonly CaseResult[]>([]);
  const [total, setTotal] = useState(0);
  const worker = useRef<WorkerClient>(undefined);
  const backend = wanted ?? (hasWebGpu ? 'webgpu' : 'cpu');
  const running = run?.state === 'running';

  const progress = ({ result, total }: SuiteProgress) => {
    setResults((before) => [...before, result]);
    setTotal(total);
  };
  const start = async (event: Event) => {
    event.preventDefault();
    const own = new WorkerClient();
    worker.current = own;
    setResults([]);
    setTotal(0);
    setError(undefined);
    setRun({ state: 'running' });
    try {
      const end = await own.call('conformance', { backend, filter }, progress);
      setRun({ state: 'done', ...end });
    } catch (thrown) {
      setError(thrown as PlainError);
      setRun(undefined);
    }
    own.terminate();
  };
  const stop = () => {
    worker.current?.terminate();
    setRun({ state: 'stopped' });
  };

  // The keys keep Stop and Run apart: one element for both would turn into Run under the click and submit the form.
  return (
    <section class="card">
      <h2>Is this browser right?</h2>
      <p>
        The conformance suite: 36 golden outputs of Paddle's own kernels, generated cases, every error, and
        random calls, checked against a computation in float64. It fetches up to 2.4 MB and takes seconds, or
        minutes where WebGPU runs in software.
      </p>
      <form onSubmit={start}>
        <label>
          Backend{' '}
          <select
            value={backend}
            disabled={running}
            onChange={(event) => setWanted(event.currentTarget.value as BackendName)}
          >
            <option value="webgpu" disabled={!hasWebGpu}>
              WebGPU
            </option>
            <option value="cpu">CPU</option>
          </select>
        </label>
        <label>
          Only cases with{' '}
          <input
            type="text"
            placeholder="golden/"
            value={filter}
            disabled={running}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
        </label>
        {running ? (
          <button key="stop" type="button" onClick={stop}>
            Stop
          </button>
        ) : (
          <button key="run" type="submit">
            Run the suite
          </button>
        )}
      </form>
      {error && <ErrorBox error={error} />}
      {running && <progress aria-label="Conformance cases done" value={results.length} max={total || 1} />}
      <p class="sub" aria-live={running ? 'off' : 'polite'}>
        {run && describeRun(run, results, total)}
      </p>
      {results.length > 0 && <SuiteResults results={results} />}
    </section>
  );
}

function describeRun(run: Run, results: readonly CaseResult[], total: number): string {
  const done = `${results.length} of ${count(total, 'case')}`;
  if (run.state === 'running')
    return total === 0 ? 'Loading the suite…' : `${done}; now after ${results.at(-1)?.id}`;
  if (run.state === 'stopped') return `Stopped after ${done}.`;
  return `${done} in ${(run.ms / 1000).toFixed(1)} s on ${deviceText(run.device)}.`;
}
