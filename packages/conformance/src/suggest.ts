/** The name that was probably meant: at most a third of its letters are missing, too many, wrong or swapped. */
export function suggest(name: string, names: readonly string[]): string | undefined {
  const distances = names.map((known) => ({ known, distance: editDistance(name, known) }));
  const [nearest] = distances.sort((a, b) => a.distance - b.distance);
  return nearest !== undefined && nearest.distance * 3 <= nearest.known.length ? nearest.known : undefined;
}

/** How many letters have to be added, left out, replaced or swapped with the next to make `b` of `a`. */
function editDistance(a: string, b: string): number {
  let [before, last]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, replaced);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}
