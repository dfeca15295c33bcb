/** More share one memory's speed without gain. */
const MOST_THREADS = 8;

interface Process {
  getBuiltinModule?(name: string): unknown;
}

/** A module of Node, Deno or Bun, that no bundler has to find; undefined elsewhere. */
export function builtin<M>(name: string): M | undefined {
  const { process } = globalThis as { process?: Process };
  return process?.getBuiltinModule?.(name) as M | undefined;
}

/** How many threads to use: as asked for, or as many as the machine has; 1 with the reason where none can share memory. */
export function threadCount(asked: number | undefined): { threads: number; reason: string } {
  const alone = (reason: string) => ({ threads: 1, reason });
  if (asked === 1) return alone('');
  const { Worker, crossOriginIsolated, navigator } = globalThis;
  const os = builtin<{ availableParallelism(): number }>('node:os');
  if (os === undefined && crossOriginIsolated !== true)
    return alone(', as the page is not cross-origin isolated');
  if (os === undefined && Worker === undefined) return alone(', as there are no workers here');
  const cores = os?.availableParallelism() ?? navigator.hardwareConcurrency;
  return { threads: asked ?? Math.min(cores, MOST_THREADS), reason: '' };
}
