import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Turns the first Ctrl-C (or SIGTERM) into an abort, so that a command can still write what it has. */
export function stopOnSignals(): {
  readonly signal: AbortSignal;
  /** 128 and the signal's number, as shells say it: 130 after Ctrl-C. Undefined if none came. */
  exitCode(): number | undefined;
  /** From now on signals end the process again. */
  release(): void;
} {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const stop = (name: NodeJS.Signals) => {
    exitCode ??= 128 + constants.signals[name];
    controller.abort();
    release();
  };
  const release = () => {
    for (const name of SIGNALS) process.removeListener(name, stop);
  };
  for (const name of SIGNALS) process.on(name, stop);
  return { signal: controller.signal, exitCode: () => exitCode, release };
}
