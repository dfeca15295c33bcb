/** Issues one call. */
export type Work = () => void;

/** Waits until everything that was issued is done. */
export type Wait = () => Promise<unknown>;

/** How long the timing of one piece of work lasts, in milliseconds, and how many samples it takes at least. */
const BUDGET_MS = 300;
const SAMPLES = 5;
/** Shortest stretch that a sample covers: waiting costs up to a millisecond on a GPU. */
const SHORTEST_MS = 15;
/** So that a GPU's queue stays short. */
const MOST_CALLS = 1000;

/**
 * Median wall time of one call in milliseconds, waiting included; each sample issues many calls and waits once.
 * @param onSample awaited before each sample
 */
export async function medianTime(work: Work, wait: Wait, onSample = async () => {}): Promise<number> {
  const sample = async (calls: number) => {
    await onSample();
    return timeCalls(work, wait, calls);
  };
  await sample(1);
  const first = await sample(2);
  const calls = Math.min(MOST_CALLS, Math.max(1, Math.ceil(SHORTEST_MS / first)));
  // Once more: the first calls were compiled along the way.
  await sample(calls);
  const times: number[] = [];
  const started = performance.now();
  while (times.length < SAMPLES || performance.now() - started < BUDGET_MS) {
    times.push(await sample(calls));
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

/** Milliseconds a call; never 0, because clocks have steps. */
async function timeCalls(work: Work, wait: Wait, calls: number): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < calls; i++) work();
  await wait();
  return Math.max(1e-6, (performance.now() - started) / calls);
}
