import type { DispatchView } from '../protocol.js';
import { type Grid, mean } from './grid.js';

/** What lies under the cells of the heat map: groups that tokens keep, and where something else begins. */
export interface Ground {
  readonly bands: readonly Band[];
  /** Places of borders, from 0 to 1 of the width. */
  readonly borders: readonly number[];
}

/** A group in a row of the grid: its place, and the share of the row's tokens that keep it. */
export interface Band {
  readonly row: number;
  readonly from: number;
  readonly to: number;
  readonly share: number;
}

export function makeGround(view: DispatchView, grid: Grid): Ground {
  const { experts, zeroExperts, groups } = view;
  const count = groups?.count ?? 1;
  const place = (expert: number) => expert / (grid.columns * grid.expertsPerColumn);
  const starts = Array.from({ length: count + 1 }, (_, group) => place((group * experts) / count));
  const inner = starts.slice(1, -1);
  return {
    bands: groups === undefined ? [] : keptBands(groups.kept, grid, starts),
    borders: zeroExperts > 0 ? [...inner, place(experts - zeroExperts)] : inner,
  };
}

function keptBands(kept: Uint8Array, { rows, tokensPerRow }: Grid, starts: readonly number[]): Band[] {
  const count = starts.length - 1;
  return Array.from({ length: rows * count }, (_, i) => {
    const [row, group] = [Math.floor(i / count), i % count];
    const ofRow = kept.subarray(row * tokensPerRow * count, (row + 1) * tokensPerRow * count);
    const share = mean(ofRow.filter((_, j) => j % count === group));
    return { row, from: starts[group], to: starts[group + 1], share };
  });
}
