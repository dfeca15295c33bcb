import { useEffect, useRef, useState } from 'preact/hooks';
import type { DispatchView, FileInfo, PlainError } from '../protocol.js';
import { routingOf, type Settings, toHash } from '../settings.js';
import type { WorkerClient } from '../worker-client.js';

/** Pause after a change, so that a moving slider asks for few dispatches. */
const SETTLE_MS = 120;

/** Dispatches when something changes: one at a time, and only the latest that was asked for. */
export function useDispatch(worker: WorkerClient, settings: Settings, file: FileInfo | undefined) {
  const [view, setView] = useState<DispatchView>();
  const [error, setError] = useState<PlainError>();
  const [done, setDone] = useState<{ settings: Settings; file: FileInfo | undefined }>();
  const latest = useRef<unknown>(undefined);
  const running = useRef<Promise<void>>(Promise.resolve());

  useEffect(() => {
    const mine = {};
    latest.current = mine;
    const isLatest = () => latest.current === mine;
    const dispatch = async () => {
      if (!isLatest()) return;
      try {
        const result = await worker.call('dispatch', {
          settings,
          routing: routingOf(settings),
          fromFile: file !== undefined,
        });
        if (!isLatest()) return;
        setView(result);
        setError(undefined);
      } catch (thrown) {
        if (isLatest()) setError(thrown as PlainError);
      }
      if (isLatest()) setDone({ settings, file });
    };
    const timer = setTimeout(() => {
      history.replaceState(null, '', `#${toHash(settings)}`);
      running.current = running.current.then(dispatch);
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [worker, settings, file]);

  // Known at once when something changes, before the effect runs.
  const busy = done?.settings !== settings || done.file !== file;
  return { view, error, busy };
}
