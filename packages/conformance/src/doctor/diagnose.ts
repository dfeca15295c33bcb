import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Diagnosis } from './diagnosis.js';

/** A driver that does not answer has its own limit, of a minute. */
const TIME_LIMIT = 120_000;
const STDERR_TAIL = 500;

/** Looks at a backend in a separate process. Whatever happens to that process is in the diagnosis, never an error. */
export function diagnose(backend: string): Promise<Diagnosis> {
  // Marks the diagnosis, because the backend may send other messages.
  const token = randomUUID();
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), [backend, token], {
    // The last is for watch-parent.ts.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
  });
  let diagnosis: Diagnosis | undefined;
  let stderr = '';
  let timedOut = false;
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-STDERR_TAIL);
  });
  child.on('message', (message: { token?: string; diagnosis: Diagnosis } | null) => {
    if (message?.token === token) diagnosis = message.diagnosis;
  });
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, TIME_LIMIT);
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const end = timedOut
        ? `no answer within ${TIME_LIMIT / 1000} s`
        : `ended with ${signal ?? `code ${code}`}`;
      const said = stderr.trim() === '' ? '' : `: ${stderr.trim()}`;
      const found = `a probe of it in a process of its own: ${end}${said}`;
      const problem = {
        found,
        remedy: "reinstall the backend and the device's driver, or report it to its authors",
      };
      resolve(diagnosis ?? { backend, installed: true, works: false, problem });
    });
  });
}
