import { describe, expect, it } from 'vitest';
import { columnMeans, makeGrid } from '../src/draw/grid.js';
import type { DispatchView } from '../src/protocol.js';

/** Token t chooses expert t mod E, with scale t + 1. */
function view(tokens: number, experts: number): DispatchView {
  const chosen = Int32Array.from({ length: tokens }, (_, t) => t % experts);
  const counts = new Int32Array(experts);
  for (const expert of chosen) counts[expert]++;
  const scales = Float32Array.from(chosen, (_, t) => t + 1);
  return { tokens, experts, topK: 1, chosen, scales, counts } as unknown as DispatchView;
}

describe('the heat map', () => {
  it('has the scale in each cell where there is room for all', () => {
    const grid = makeGrid(view(3, 2), 10, 10);
    expect(grid).toMatchObject({ rows: 3, columns: 2, measure: 'scale', least: 1, most: 3 });
    expect([...grid.values]).toEqual([1, Number.NaN, Number.NaN, 2, 3, Number.NaN]);
  });

  it('has the share of chosen pairs where cells hold several, also in the smaller last ones', () => {
    // 5 tokens in 2 rows of at most 3, 3 experts in 2 columns of at most 2.
    const grid = makeGrid(view(5, 3), 2, 2);
    expect(grid).toMatchObject({
      rows: 2,
      columns: 2,
      tokensPerRow: 3,
      expertsPerColumn: 2,
      measure: 'share',
    });
    expect([...grid.values]).toEqual([2 / 6, 1 / 3, 2 / 4, Number.NaN].map(Math.fround));
    expect(grid.most).toBe(0.5);
  });

  it('takes scales below 0', () => {
    const negative = { ...view(2, 2), scales: Float32Array.of(-3, -1) };
    expect(makeGrid(negative, 10, 10)).toMatchObject({ least: -3, most: -1 });
  });

  it("has the mean load of each column's experts above it", () => {
    const many = view(5, 3);
    expect(columnMeans(many.counts, makeGrid(many, 5, 3))).toEqual([2, 2, 1]);
    expect(columnMeans(many.counts, makeGrid(many, 2, 2))).toEqual([2, 1]);
  });
});
