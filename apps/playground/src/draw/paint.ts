import type { Grid } from './grid.js';
import type { Ground } from './groups.js';
import { heatColour, type Palette } from './palette.js';

/** Sizes the canvas for sharp pixels, clears it, and gives a context that measures in CSS pixels. */
function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d')!;
  context.scale(canvas.width / width, canvas.height / height);
  return context;
}

export interface Marked {
  readonly row: number;
  readonly columns: readonly number[];
}

/** A cell for each value of the grid, on the groups that are kept; the marked row has a frame, and dots where it has choices. */
export function paintHeatMap(
  canvas: HTMLCanvasElement,
  grid: Grid,
  ground: Ground,
  palette: Palette,
  size: { width: number; height: number },
  marked: Marked,
): void {
  const { width, height } = size;
  const context = prepare(canvas, width, height);
  const cell = { width: width / grid.columns, height: height / grid.rows };
  context.fillStyle = palette.kept;
  for (const { row, from, to, share } of ground.bands) {
    context.globalAlpha = share;
    context.fillRect(from * width, row * cell.height, (to - from) * width, cell.height);
  }
  context.globalAlpha = 1;
  context.imageSmoothingEnabled = false;
  context.drawImage(cells(grid, palette), 0, 0, width, height);
  if (cell.width >= 5) gaps(context, grid, palette, size);
  context.fillStyle = palette.line;
  for (const border of ground.borders) context.fillRect(border * width - 0.5, 0, 1, height);
  const top = marked.row * cell.height;
  context.strokeStyle = palette.mark;
  context.fillStyle = palette.mark;
  context.lineWidth = 1;
  const frameTop = Math.max(top, 1) - 0.5;
  const frameBottom = Math.min(top + cell.height, height - 1) + 0.5;
  context.strokeRect(0.5, frameTop, width - 1, frameBottom - frameTop);
  for (const column of marked.columns) {
    context.beginPath();
    context.arc((column + 0.5) * cell.width, top + cell.height / 2, 3.5, 0, 2 * Math.PI);
    context.fill();
  }
}

/** One pixel for each cell. */
function cells({ rows, columns, values, least, most }: Grid, palette: Palette): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(columns, rows);
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    const colour = heatColour(palette, most > least ? (value - least) / (most - least) : 1);
    image.data.set([...colour, 255], i * 4);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

function gaps(
  context: CanvasRenderingContext2D,
  grid: Grid,
  palette: Palette,
  { width, height }: { width: number; height: number },
): void {
  context.fillStyle = palette.surface;
  for (let column = 1; column < grid.columns; column++) {
    context.fillRect((column * width) / grid.columns - 0.5, 0, 1, height);
  }
  if (height / grid.rows < 5) return;
  for (let row = 1; row < grid.rows; row++) {
    context.fillRect(0, (row * height) / grid.rows - 0.5, width, 1);
  }
}

/** A bar for each load, on the columns of the heat map, and a dashed line at the even share. */
export function paintBars(
  canvas: HTMLCanvasElement,
  loads: readonly number[],
  evenShare: number,
  palette: Palette,
  size: { width: number; height: number },
  marked: readonly number[],
): void {
  const { width, height } = size;
  const context = prepare(canvas, width, height);
  const step = width / loads.length;
  const gap = step >= 5 ? 1 : 0;
  const perToken = height / Math.max(...loads, evenShare, 1);
  loads.forEach((load, column) => {
    context.fillStyle = marked.includes(column) ? palette.mark : palette.bar;
    const length = load > 0 ? Math.max(load * perToken, 1) : 0;
    context.fillRect(column * step + gap / 2, height - length, step - gap, length);
  });
  context.strokeStyle = palette.line;
  context.setLineDash([4, 3]);
  context.beginPath();
  context.moveTo(0, height - evenShare * perToken);
  context.lineTo(width, height - evenShare * perToken);
  context.stroke();
}

/** A bar for each bias, up or down from a line in the middle, on the columns of the heat map. */
export function paintBiases(
  canvas: HTMLCanvasElement,
  biases: readonly number[],
  palette: Palette,
  { width, height }: { width: number; height: number },
  marked: readonly number[],
): void {
  const context = prepare(canvas, width, height);
  const step = width / biases.length;
  const gap = step >= 5 ? 1 : 0;
  const perUnit = height / 2 / (Math.max(...biases.map(Math.abs)) || 1);
  biases.forEach((bias, column) => {
    context.fillStyle = marked.includes(column) ? palette.mark : palette.bar;
    context.fillRect(column * step + gap / 2, height / 2, step - gap, -bias * perUnit);
  });
  context.fillStyle = palette.line;
  context.fillRect(0, height / 2 - 0.5, width, 1);
}
