import type { PlainError } from '../protocol.js';

/** An error with core's code, where it has one, or its class's name. */
export function ErrorBox({ error }: { error: PlainError }) {
  return (
    <p class="error" role="alert">
      <code>{error.code ?? error.name}</code> {error.message}
    </p>
  );
}
