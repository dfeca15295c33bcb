import { useState } from 'preact/hooks';
import { deviceText } from '../device.js';
import { count } from '../format.js';
import type { BackendName } from '../protocol.js';
import { ErrorBox } from './error-box.js';
import { SuiteResults } from './suite-results.js';
import { type SuiteRun, useSuite } from './use-suite.js';

/** Runs the conformance suite in this browser and shows what became of its cases. */
export function Conformance({ hasWebGpu }: { hasWebGpu: boolean }) {
  const { run, start, stop } = useSuite();
  const running = run?.state === 'running';
  return (
    <section class="card">
      <h2>Is this browser right?</h2>
      <p>
        The conformance suite: 36 golden outputs of Paddle's own kernels, 63 of models' routers, generated
        cases, every error, and random calls. It fetches up to 7 MB and takes seconds, or minutes where WebGPU
        runs in software.
      </p>
      <SuiteForm hasWebGpu={hasWebGpu} running={running} onStart={start} onStop={stop} />
      {run?.error && <ErrorBox error={run.error} />}
      {running && (
        <progress aria-label="Conformance cases done" value={run.results.length} max={run.total || 1} />
      )}
      <p class="sub" aria-live={running ? 'off' : 'polite'}>
        {run && describeRun(run)}
      </p>
      {run && run.results.length > 0 && <SuiteResults results={run.results} />}
    </section>
  );
}

interface SuiteFormProps {
  readonly hasWebGpu: boolean;
  readonly running: boolean;
  readonly onStart: (backend: BackendName, filter: string) => void;
  readonly onStop: () => void;
}

function SuiteForm({ hasWebGpu, running, onStart, onStop }: SuiteFormProps) {
  const [wanted, setWanted] = useState<BackendName>();
  const [filter, setFilter] = useState('');
  const backend = wanted ?? (hasWebGpu ? 'webgpu' : 'cpu');
  const submit = (event: Event) => {
    event.preventDefault();
    onStart(backend, filter);
  };
  const choose = (event: Event) => setWanted((event.currentTarget as HTMLSelectElement).value as BackendName);
  // The keys keep Stop and Run apart: one element for both would turn into Run under the click and submit the form.
  return (
    <form onSubmit={submit}>
      <label>
        Backend{' '}
        <select value={backend} disabled={running} onChange={choose}>
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
        <button key="stop" type="button" onClick={onStop}>
          Stop
        </button>
      ) : (
        <button key="run" type="submit">
          Run the suite
        </button>
      )}
    </form>
  );
}

function describeRun({ state, results, total, end }: SuiteRun): string {
  const done = `${results.length} of ${count(total, 'case')}`;
  if (end !== undefined) return `${done} in ${(end.ms / 1000).toFixed(1)} s on ${deviceText(end.device)}.`;
  if (state === 'stopped') return `Stopped after ${done}.`;
  if (state === 'failed') return '';
  return total === 0 ? 'Loading the suite…' : `${done}; the last was ${results.at(-1)?.id}`;
}
