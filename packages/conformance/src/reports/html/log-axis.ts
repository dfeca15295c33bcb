/** A logarithmic axis of a plot. */
export interface Axis {
  /** Values to be labelled, at most about eight. */
  readonly ticks: readonly number[];
  /** A value's place in the picture. */
  at(value: number): number;
}

/** An axis that holds all `values` (positive), from the place `from` to the place `to`. */
export function logAxis(values: readonly number[], from: number, to: number): Axis {
  const low = Math.log10(Math.min(...values)) - 0.15;
  const high = Math.log10(Math.max(...values)) + 0.15;
  const at = (value: number) =>
    Number((from + ((Math.log10(value) - low) / (high - low)) * (to - from)).toFixed(1));
  const steps = high - low > 3 ? [1] : high - low > 1.2 ? [1, 3] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const step of steps) {
      const value = step * 10 ** power;
      if (Math.log10(value) >= low && Math.log10(value) <= high) ticks.push(value);
    }
  }
  return { at, ticks };
}
