/** Shortest stretch of work that one timing covers, in milliseconds: well above the timer's resolution. */
const SHORTEST_MS = 4;

/**
 * Times several pieces of work side by side: they take turns, so that a noisy machine disturbs all alike.
 * Each turn runs the work once before timing it, so that every one finds its own data in the caches.
 * @returns the least of `turns` timings of each, in milliseconds a call: noise only adds to it.
 */
export function leastTimes<Name extends string>(
  work: Record<Name, () => void>,
  turns: number,
): Record<Name, number> {
  const names = Object.keys(work) as Name[];
  const repeats = new Map(names.map((name) => [name, repeatsFor(work[name])]));
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let turn = 0; turn < turns; turn++) {
    for (const name of names) {
      work[name]();
      times.get(name)?.push(timeOf(work[name], repeats.get(name) ?? 1));
    }
  }
  return Object.fromEntries(names.map((name) => [name, Math.min(...(times.get(name) ?? []))])) as Record<
    Name,
    number
  >;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Milliseconds a call. */
function timeOf(work: () => void, repeats: number): number {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) work();
  return (performance.now() - start) / repeats;
}

/** How often to repeat a piece of work, once the engine has compiled it, to fill the shortest stretch. */
function repeatsFor(work: () => void): number {
  const start = performance.now();
  let calls = 0;
  while (performance.now() - start < 150 || calls < 3) {
    work();
    calls++;
  }
  return Math.max(1, Math.ceil(SHORTEST_MS / timeOf(work, Math.max(1, calls >> 3))));
}
