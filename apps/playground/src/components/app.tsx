import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { deviceText } from '../device.js';
import { backendName } from '../format.js';
import type { DispatchView, FileInfo, PlainError } from '../protocol.js';
import { fromHash, type Settings, toHash } from '../settings.js';
import { WorkerClient } from '../worker-client.js';
import { Comparison } from './comparison.js';
import { Conformance } from './conformance.js';
import { Controls } from './controls.js';
import { ErrorBox } from './error-box.js';
import { FileInput } from './file-input.js';
import { Journey } from './journey.js';
import { RoutingPicture } from './routing-picture.js';
import { SaveButton } from './save-button.js';

export function App() {
  const worker = useMemo(() => new WorkerClient(), []);
  const [settings, setSettings] = useState(() => fromHash(location.hash));
  const [file, setFile] = useState<FileInfo>();
  const [token, setToken] = useState(0);
  const { view, error, busy } = useDispatch(worker, settings, file);
  const shown = view && Math.min(token, Math.max(view.tokens - 1, 0));

  const openFile = (info: FileInfo | undefined) => {
    setFile(info);
    if (info === undefined) return;
    const topK = Math.min(settings.topK, Math.max(info.experts, 1));
    setSettings({ ...settings, topK, ...info.routing });
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
        <aside aria-label="Input">
          <section class="card">
            <h2>Input</h2>
            <Controls settings={settings} file={file} onChange={setSettings} />
            <FileInput worker={worker} file={file} onFile={openFile} />
          </section>
        </aside>
        <main>
          {error && <ErrorBox error={error} />}
          {view === undefined && error === undefined && (
            <section class="card waiting">
              <p>{busy && 'The first dispatch is under way: the GPU compiles its kernels.'}</p>
            </section>
          )}
          {view && shown !== undefined && (
            <>
              <RoutingPicture view={view} token={shown} onToken={setToken} />
              <Journey view={view} token={shown} onToken={setToken} />
              <Comparison worker={worker} view={view} />
              <SaveButton worker={worker} view={view} />
            </>
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
          <span class={`badge ${view.backend.name}`}>{backendName(view.backend.name)}</span>{' '}
          <span class="device">{deviceText(view.backend.device)}</span>
          {busy && <span class="busy"> working…</span>}
        </p>
      )}
      {view?.skipped.map(({ name, reason }) => (
        <p class="skipped" key={name}>
          Not on {backendName(name)}, because <q>{reason}</q>
        </p>
      ))}
    </div>
  );
}

/** Pause after a change, so that a moving slider asks for few dispatches. */
const SETTLE_MS = 120;

/** Dispatches when something changes: one at a time, and only the latest that was asked for. */
function useDispatch(worker: WorkerClient, settings: Settings, file: FileInfo | undefined) {
  const [view, setView] = useState<DispatchView>();
  const [error, setError] = useState<PlainError>();
  const [busy, setBusy] = useState(true);
  const latest = useRef<unknown>(undefined);
  const running = useRef<Promise<void>>(Promise.resolve());

  useEffect(() => {
    const mine = {};
    latest.current = mine;
    const isLatest = () => latest.current === mine;
    const dispatch = async () => {
      if (!isLatest()) return;
      try {
        const result = await worker.call('dispatch', { settings, fromFile: file !== undefined });
        if (!isLatest()) return;
        setView(result);
        setError(undefined);
      } catch (thrown) {
        if (isLatest()) setError(thrown as PlainError);
      }
      if (isLatest()) setBusy(false);
    };
    setBusy(true);
    const timer = setTimeout(() => {
      history.replaceState(null, '', `#${toHash(settings)}`);
      running.current = running.current.then(dispatch);
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [worker, settings, file]);

  return { view, error, busy };
}
