import { describe, expect, it } from 'vitest';
import { columnMeans, makeGrid } from '../src/draw/grid.js';
import { makeGround } from '../src/draw/groups.js';
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

  it('leaves out choices that go nowhere', () => {
    const nowhere = { ...view(2, 2), chosen: Int32Array.of(-1, 1) };
    expect([...makeGrid(nowhere, 10, 10).values]).toEqual([Number.NaN, Number.NaN, Number.NaN, 2]);
    expect([...makeGrid(nowhere, 1, 1).values]).toEqual([1 / 4]);
  });
});

describe('the ground of the heat map', () => {
  it('has the share of the tokens that keep each group, and a border between groups', () => {
    const groups = { count: 2, kept: Uint8Array.of(1, 0, 1, 1, 0, 1) };
    const grouped = { ...view(3, 4), groups, zeroExperts: 0 };
    const { bands, borders } = makeGround(grouped, makeGrid(grouped, 2, 4));
    expect(bands.map(({ row, share }) => [row, share])).toEqual([
      [0, 1],
      [0, 0.5],
      [1, 0],
      [1, 1],
    ]);
    expect(bands.map(({ from, to }) => [from, to]).slice(0, 2)).toEqual([
      [0, 0.5],
      [0.5, 1],
    ]);
    expect(borders).toEqual([0.5]);
  });

  it('has a border before zero experts, where the last column holds fewer experts, too', () => {
    const zero = { ...view(3, 5), zeroExperts: 2 };
    const { bands, borders } = makeGround(zero, makeGrid(zero, 3, 3));
    expect([bands, borders]).toEqual([[], [3 / 6]]);
  });
});
