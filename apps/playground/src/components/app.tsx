import { useMemo, useState } from 'preact/hooks';
import { deviceText } from '../device.js';
import { backendName } from '../format.js';
import type { DispatchView, FileInfo } from '../protocol.js';
import { fromHash, knownMode } from '../settings.js';
import { WorkerClient } from '../worker-client.js';
import { Comparison } from './comparison.js';
import { Conformance } from './conformance.js';
import { Controls } from './controls.js';
import { ErrorBox } from './error-box.js';
import { FileInput } from './file-input.js';
import { Journey } from './journey.js';
import { RoutingPicture } from './routing-picture.js';
import { SaveButton } from './save-button.js';
import { useDispatch } from './use-dispatch.js';

export function App() {
  const worker = useMemo(() => new WorkerClient(), []);
  const [settings, setSettings] = useState(() => fromHash(location.hash));
  const [file, setFile] = useState<FileInfo>();
  const { view, error, busy } = useDispatch(worker, settings, file);

  const openFile = (info: FileInfo | undefined) => {
    setFile(info);
    if (info === undefined) return;
    const topK = Math.min(settings.topK, Math.max(info.experts, 1));
    const mode = knownMode(info.routing.mode) ?? settings.mode;
    setSettings({ ...settings, topK, ...info.routing, mode });
  };

  return (
    <>
      <header>
        <h1>moe-dispatch playground</h1>
        <p>
          In a Mixture-of-Experts layer a gate sends each token to a few experts. Here your own browser does
          the sending: it picks the experts, gathers the rows, and sums them back.
        </p>
        <BackendLine view={view} busy={busy} />
      </header>
      <div class="columns">
        <aside class="card" aria-label="Input">
          <h2>Input</h2>
          <Controls settings={settings} file={file} onChange={setSettings} />
          <FileInput worker={worker} file={file} onFile={openFile} />
        </aside>
        <main>
          {error && <ErrorBox error={error} />}
          {view && <Results worker={worker} view={view} />}
          {view === undefined && error === undefined && (
            <p class="card waiting">The first dispatch is under way: the GPU compiles its kernels.</p>
          )}
          <Conformance hasWebGpu={view?.backend.name === 'webgpu'} />
        </main>
      </div>
    </>
  );
}

/** Where the dispatch ran, and what stood in the way of a better place. */
function BackendLine({ view, busy }: { view: DispatchView | undefined; busy: boolean }) {
  return (
    <div class="backend" aria-live="polite" data-busy={busy}>
      {view === undefined ? (
        <p>{busy ? 'Looking for a GPU…' : 'Nothing dispatched yet.'}</p>
      ) : (
        <p>
          <span class="badge">{backendName(view.backend.name)}</span>{' '}
          <span>{deviceText(view.backend.device)}</span>
          {busy && ' … working'}
        </p>
      )}
      {view?.skipped.map(({ name, reason }) => (
        <p class="skipped" key={name}>
          Not on {backendName(name)}, because{' '}
          <q>{reason.startsWith(`${name}: `) ? reason.slice(name.length + 2) : reason}</q>
        </p>
      ))}
    </div>
  );
}

/** What a dispatch gave, and the token that is looked at. */
function Results({ worker, view }: { worker: WorkerClient; view: DispatchView }) {
  const [wanted, setToken] = useState(0);
  const token = Math.min(wanted, Math.max(view.tokens - 1, 0));
  return (
    <>
      <RoutingPicture view={view} token={token} onToken={setToken} />
      <Journey view={view} token={token} onToken={setToken} />
      <Comparison worker={worker} view={view} />
      <SaveButton worker={worker} view={view} />
    </>
  );
}
