/** Shortest stretch of work that one timing covers, in milliseconds: well above the timer's resolution. */
const SHORTEST_MS = 4;
/** Work that takes longer all in all has fewer turns. */
const LONGEST_MS = 5000;

/** Work that is done when it returns, or when its promise settles. */
export type Work = () => unknown;

/**
 * Times several pieces of work side by side: they take turns, so that a noisy machine disturbs all alike.
 * Each turn runs the work once before timing it, so that every one finds its own data in the caches.
 * @returns the least of up to `turns` timings of each, in milliseconds a call: noise only adds to it.
 */
export async function leastTimes<Name extends string>(
  work: Record<Name, Work>,
  turns: number,
): Promise<Record<Name, number>> {
  const names = Object.keys(work) as Name[];
  const repeats = {} as Record<Name, number>;
  const times = {} as Record<Name, number>;
  const spent = {} as Record<Name, number>;
  for (const name of names) {
    repeats[name] = await repeatsFor(work[name]);
    times[name] = Infinity;
    spent[name] = 0;
  }
  for (let turn = 0; turn < turns; turn++) {
    for (const name of names) {
      if (spent[name] > LONGEST_MS) continue;
      await work[name]();
      const time = await timeOf(work[name], repeats[name]);
      times[name] = Math.min(times[name], time);
      spent[name] += time * repeats[name];
    }
  }
  return times;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Milliseconds a call. */
async function timeOf(work: Work, repeats: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) {
    const pending = work();
    // To wait for what is done takes longer than the smallest calls.
    if (pending instanceof Promise) await pending;
  }
  return (performance.now() - start) / repeats;
}

/** How often to repeat a piece of work, once the engine has compiled it, to fill the shortest stretch. */
async function repeatsFor(work: Work): Promise<number> {
  const start = performance.now();
  let calls = 0;
  let spent = 0;
  while (spent < 150 || (calls < 3 && spent < LONGEST_MS)) {
    await work();
    calls++;
    spent = performance.now() - start;
  }
  if (spent > LONGEST_MS) return 1;
  return Math.max(1, Math.ceil(SHORTEST_MS / (await timeOf(work, Math.max(1, calls >> 3)))));
}
