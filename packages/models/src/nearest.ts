/** The name that takes the fewest changes of letters to become this one, at most one for every three. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const most = name.length / 3;
  const ranked = names
    // So that a very long name costs nothing.
    .filter((each) => Math.abs(each.length - name.length) <= most)
    .map((each) => ({ each, changes: distance(name, each) }))
    .sort((a, b) => a.changes - b.changes);
  return ranked.find(({ changes }) => changes <= most)?.each;
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
