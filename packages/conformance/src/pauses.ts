const PAUSE_EVERY_MS = 50;

/**
 * A function to await between steps of long work, which lets timers and signals run every 50 ms: a backend that never
 * waits would keep them from it.
 */
export function pauses(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < PAUSE_EVERY_MS) return;
    await new Promise((resolve) => setTimeout(resolve));
    last = performance.now();
  };
}
