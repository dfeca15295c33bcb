import { useState } from 'preact/hooks';
import { count } from '../format.js';
import type { FileInfo, PlainError } from '../protocol.js';
import type { WorkerClient } from '../worker-client.js';
import { ErrorBox } from './error-box.js';

interface FileInputProps {
  readonly worker: WorkerClient;
  readonly file: FileInfo | undefined;
  readonly onFile: (file: FileInfo | undefined) => void;
}

/** Takes a safetensors file by button or by dropping it, and says what is wrong with it. */
export function FileInput({ worker, file, onFile }: FileInputProps) {
  const [error, setError] = useState<PlainError>();
  const [over, setOver] = useState(false);

  const open = async (chosen: File | undefined) => {
    if (chosen === undefined) return;
    try {
      const bytes = new Uint8Array(await chosen.arrayBuffer());
      onFile(await worker.call('load', { bytes, name: chosen.name }));
      setError(undefined);
    } catch (thrown) {
      setError(thrown as PlainError);
    }
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    open(event.dataTransfer?.files[0]);
  };
  const choose = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    open(input.files?.[0]);
    // So that the same file, mended, can be chosen again.
    input.value = '';
  };
  const dragOver = (event: DragEvent) => {
    event.preventDefault();
    setOver(true);
  };

  return (
    <div class="file">
      {file && <LoadedFile file={file} onClose={() => onFile(undefined)} />}
      <label
        class="drop"
        data-over={over}
        onDragOver={dragOver}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <input type="file" accept=".safetensors" onChange={choose} />
        <span>
          <b>Your own tensors:</b> drop a <code>.safetensors</code> file with <code>x</code> [T, D] and{' '}
          <code>gating_output</code> [T, E] here, or choose one. It stays in this browser.
        </span>
      </label>
      {error && <ErrorBox error={error} />}
    </div>
  );
}

function LoadedFile({ file, onClose }: { file: FileInfo; onClose: () => void }) {
  const { name, tokens, hidden, experts, dtype } = file;
  return (
    <p class="loaded">
      <b>{name}</b>: {count(tokens, 'token')} of {hidden} {dtype} values, {count(experts, 'expert')}{' '}
      <button type="button" onClick={onClose}>
        Back to random data
      </button>
    </p>
  );
}
