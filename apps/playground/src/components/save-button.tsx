import { useState } from 'preact/hooks';
import type { DispatchView, PlainError } from '../protocol.js';
import type { WorkerClient } from '../worker-client.js';
import { ErrorBox } from './error-box.js';

/** Gives the input and all results as a file. */
export function SaveButton({ worker, view }: { worker: WorkerClient; view: DispatchView }) {
  const [error, setError] = useState<PlainError>();
  const save = async () => {
    try {
      const bytes = await worker.call('save', undefined);
      const url = URL.createObjectURL(new Blob([bytes]));
      Object.assign(document.createElement('a'), { href: url, download: 'moe-dispatch.safetensors' }).click();
      URL.revokeObjectURL(url);
      setError(undefined);
    } catch (thrown) {
      setError(thrown as PlainError);
    }
  };
  return (
    <section class="card">
      <h2>Download</h2>
      <p>
        The input and all six results of this dispatch ({view.source}), under Paddle's names. The page takes
        the file again.
      </p>
      <button type="button" onClick={save}>
        Download as safetensors
      </button>
      {error && <ErrorBox error={error} />}
    </section>
  );
}
