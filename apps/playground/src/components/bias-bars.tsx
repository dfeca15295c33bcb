import { useEffect, useRef } from 'preact/hooks';
import { columnMeans, type Grid } from '../draw/grid.js';
import { paintBiases } from '../draw/paint.js';
import type { Palette } from '../draw/palette.js';
import { scale } from '../format.js';

const HEIGHT = 50;

interface BiasBarsProps {
  readonly bias: Float32Array;
  readonly grid: Grid;
  readonly width: number;
  readonly palette: Palette;
  readonly marked: readonly number[];
}

/** Two rows of the chart: what is added to each expert's score for the choice, on the columns of the heat map. */
export function BiasBars({ bias, grid, width, palette, marked }: BiasBarsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    paintBiases(canvas.current!, columnMeans(bias, grid), palette, { width, height: HEIGHT }, marked);
  }, [bias, grid, width, palette, marked]);
  return (
    <>
      <div />
      <p class="readout" aria-hidden="true">
        <b>Bias per expert.</b> {summarize(bias)}
      </p>
      <div />
      <canvas
        ref={canvas}
        style={{ width: `${width}px`, height: `${HEIGHT}px` }}
        role="img"
        aria-label={`Bias per expert as bars. ${summarize(bias)} The table below has all numbers.`}
      />
    </>
  );
}

function summarize(bias: Float32Array): string {
  const most = bias.reduce((a, b) => Math.max(a, b));
  const least = bias.reduce((a, b) => Math.min(a, b));
  return `Added to the scores for the choice only: from ${scale(least)} to ${scale(most)}.`;
}
