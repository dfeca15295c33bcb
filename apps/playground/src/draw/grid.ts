import type { DispatchView } from '../protocol.js';

/** Tokens × experts in as many cells as there is room for. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  readonly tokensPerRow: number;
  readonly expertsPerColumn: number;
  /**
   * [rows, columns], NaN where no token chose an expert. Where every cell is one token and one expert: the scale. Else
   * the share of the cell's pairs (token, expert) that were chosen.
   */
  readonly values: Float32Array;
  readonly measure: 'scale' | 'share';
  readonly least: number;
  readonly most: number;
}

export function makeGrid(view: DispatchView, maxRows: number, maxColumns: number): Grid {
  const { tokens, experts } = view;
  const tokensPerRow = Math.ceil(tokens / maxRows);
  const expertsPerColumn = Math.ceil(experts / maxColumns);
  const rows = Math.ceil(tokens / tokensPerRow);
  const columns = Math.ceil(experts / expertsPerColumn);
  const measure = tokensPerRow * expertsPerColumn === 1 ? 'scale' : 'share';
  const shape = { rows, columns, tokensPerRow, expertsPerColumn, measure } as const;
  const values = measure === 'scale' ? scalesOf(view, shape) : sharesOf(view, shape);
  const drawn = values.filter((value) => !Number.isNaN(value));
  const most = drawn.reduce((a, b) => Math.max(a, b), drawn[0] ?? 0);
  const least = measure === 'scale' ? drawn.reduce((a, b) => Math.min(a, b), most) : 0;
  return { ...shape, values, least, most };
}

type GridShape = Omit<Grid, 'values' | 'least' | 'most'>;

function scalesOf({ chosen, scales, topK }: DispatchView, { rows, columns }: GridShape): Float32Array {
  const values = new Float32Array(rows * columns).fill(Number.NaN);
  chosen.forEach((expert, i) => {
    if (expert >= 0) values[Math.floor(i / topK) * columns + expert] = scales[i];
  });
  return values;
}

function sharesOf(view: DispatchView, shape: GridShape): Float32Array {
  const { tokens, experts, chosen, topK } = view;
  const { rows, columns, tokensPerRow, expertsPerColumn } = shape;
  const values = new Float32Array(rows * columns);
  chosen.forEach((expert, i) => {
    if (expert < 0) return;
    const row = Math.floor(Math.floor(i / topK) / tokensPerRow);
    values[row * columns + Math.floor(expert / expertsPerColumn)]++;
  });
  return values.map((chosenPairs, i) => {
    const row = Math.floor(i / columns);
    const column = i % columns;
    // The last row and the last column may hold fewer.
    const height = Math.min(tokensPerRow, tokens - row * tokensPerRow);
    const width = Math.min(expertsPerColumn, experts - column * expertsPerColumn);
    return chosenPairs === 0 ? Number.NaN : chosenPairs / (height * width);
  });
}

/** Of a value for each expert: the mean over each column's experts. */
export function columnMeans(
  values: Int32Array | Float32Array,
  { columns, expertsPerColumn }: Grid,
): number[] {
  return Array.from({ length: columns }, (_, column) => {
    const own = values.subarray(column * expertsPerColumn, (column + 1) * expertsPerColumn);
    return mean(own);
  });
}

export function mean(values: Int32Array | Float32Array | Uint8Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
