/** The name that takes the fewest changes of letters to become this one, if that leaves half of it as it was. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((each) => ({ each, changes: distance(name, each) }))
    .filter(({ changes }) => changes <= name.length / 2)
    .sort((a, b) => a.changes - b.changes);
  return ranked[0]?.each;
}

/** How many letters must be put in, left out or replaced: Levenshtein's distance, a row of its table at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
