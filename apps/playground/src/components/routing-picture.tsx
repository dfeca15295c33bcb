import { useEffect, useMemo, useRef } from 'preact/hooks';
import { columnMeans, type Grid, makeGrid } from '../draw/grid.js';
import { makeGround } from '../draw/groups.js';
import { paintBars, paintHeatMap } from '../draw/paint.js';
import type { Palette } from '../draw/palette.js';
import { chosenOf, count, decimals, keptBy, number, scale } from '../format.js';
import type { DispatchView } from '../protocol.js';
import { BiasBars } from './bias-bars.js';
import { usePalette, useWidth } from './hooks.js';
import { LoadTable } from './load-table.js';

const BARS_HEIGHT = 110;
const MAP_HEIGHT = 480;
const MIN_CELL = 2;
const MAX_CELL_HEIGHT = 20;

interface PictureProps {
  readonly view: DispatchView;
  readonly token: number;
  readonly onToken: (token: number) => void;
}

/** Load per expert as bars, over tokens × experts as a heat map: both on the same columns. */
export function RoutingPicture({ view, token, onToken }: PictureProps) {
  const [frame, width] = useWidth<HTMLDivElement>();
  const palette = usePalette();
  const { tokens, experts, bias } = view;
  const grid = useMemo(
    () =>
      tokens > 0 && width > 0
        ? makeGrid(view, MAP_HEIGHT / MIN_CELL, Math.floor(width / MIN_CELL))
        : undefined,
    [view, width],
  );
  const marked = useMemo(() => (grid ? markedColumns(view, token, grid) : []), [view, token, grid]);
  const drawing = grid && { view, token, grid, width, palette, marked };
  return (
    <section class="card">
      <h2>Who goes where</h2>
      <p class="sub">{describeView(view)}</p>
      <div class="chart">
        <div />
        <p class="readout" aria-hidden="true">
          <b>Load per expert.</b> {summarize(view)}
        </p>
        <div class="axis rows" aria-hidden="true">
          <span>{grid && decimals(Math.max(...columnMeans(view.counts, grid)))}</span>
          <span>0</span>
        </div>
        <div ref={frame}>{drawing && <Bars {...drawing} />}</div>
        {bias && drawing && <BiasBars bias={bias} {...drawing} />}
        <div />
        <p class="readout">
          <b>Tokens × experts.</b> {grid && describeCells(grid)} {describeGround(view)}
        </p>
        <div class="axis rows" aria-hidden="true">
          <span>{tokens > 0 && 0}</span>
          <span class="axis-name">token</span>
          <span>{tokens > 0 && number(tokens - 1)}</span>
        </div>
        <div>{drawing ? <HeatMap {...drawing} onToken={onToken} /> : <p>No tokens, nothing to draw.</p>}</div>
        <div />
        <div class="axis columns-axis" aria-hidden="true">
          <span>0</span>
          <span class="axis-name">expert</span>
          <span>{experts - 1}</span>
        </div>
      </div>
      {grid && <Legend grid={grid} palette={palette} />}
      <LoadTable view={view} />
    </section>
  );
}

function describeView({ tokens, source, experts, zeroExperts, topK, chosen }: DispatchView): string {
  const zero = zeroExperts > 0 ? ` with ${count(zeroExperts, 'zero expert')}` : '';
  const lost = chosen.filter((expert) => expert < 0).length;
  const nowhere = lost > 0 ? `, ${count(lost, 'choice')} going nowhere` : '';
  const sizes = `${count(tokens, 'token')} (${source}), ${count(experts, 'expert')}${zero}`;
  return `${sizes}, ${topK} chosen by each token${nowhere}`;
}

interface Drawing {
  readonly view: DispatchView;
  readonly token: number;
  readonly grid: Grid;
  readonly width: number;
  readonly palette: Palette;
  /** Columns of the token's experts. */
  readonly marked: readonly number[];
}

function Bars({ view, grid, width, palette, marked }: Drawing) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const share = evenShare(view);
  useEffect(() => {
    const size = { width, height: BARS_HEIGHT };
    paintBars(canvas.current!, columnMeans(view.counts, grid), share, palette, size, marked);
  }, [view, grid, width, palette, share, marked]);
  return (
    <canvas
      ref={canvas}
      style={{ width: `${width}px`, height: `${BARS_HEIGHT}px` }}
      role="img"
      aria-label={`Load per expert as bars. ${summarize(view)} The table below has all numbers.`}
    />
  );
}

function evenShare({ tokens, topK, experts }: DispatchView): number {
  return (tokens * topK) / experts;
}

function summarize(view: DispatchView): string {
  const { counts } = view;
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  const least = counts.reduce((a, b) => Math.min(a, b), most);
  const of = (load: number) => `expert ${counts.indexOf(load)} with ${number(load)}`;
  return `Most: ${of(most)}. Least: ${of(least)}. Dashed: an even share, ${decimals(evenShare(view))}.`;
}

/** Chooses a token by pointer or by keys. */
function HeatMap({ view, token, grid, width, palette, marked, onToken }: Drawing & PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { tokens, experts } = view;
  const ground = useMemo(() => makeGround(view, grid), [view, grid]);
  const height =
    grid.rows * Math.min(MAX_CELL_HEIGHT, Math.max(MIN_CELL, Math.floor(MAP_HEIGHT / grid.rows)));
  useEffect(() => {
    const mark = { row: Math.floor(token / grid.tokensPerRow), columns: marked };
    paintHeatMap(canvas.current!, grid, ground, palette, { width, height }, mark);
  }, [token, grid, ground, width, height, palette, marked]);
  const choose = ({ offsetY }: PointerEvent) => {
    const row = Math.floor((offsetY / height) * grid.rows * grid.tokensPerRow);
    onToken(Math.min(Math.max(row, 0), tokens - 1));
  };
  const press = (event: KeyboardEvent) => {
    const next = tokenAfterKey(event.key, token, tokens);
    if (next === undefined) return;
    event.preventDefault();
    onToken(next);
  };
  return (
    <div
      class="map"
      style={{ width: `${width}px`, height: `${height}px` }}
      role="slider"
      tabIndex={0}
      aria-label={`Token, in a heat map of ${number(tokens)} tokens × ${experts} experts`}
      aria-valuemin={0}
      aria-valuemax={tokens - 1}
      aria-valuenow={token}
      aria-valuetext={describeToken(view, token)}
      aria-orientation="vertical"
      onPointerMove={choose}
      onPointerDown={choose}
      onKeyDown={press}
    >
      <canvas ref={canvas} style={{ width: `${width}px`, height: `${height}px` }} />
    </div>
  );
}

function tokenAfterKey(key: string, token: number, tokens: number): number | undefined {
  const page = Math.max(1, Math.round(tokens / 10));
  const target: { readonly [key: string]: number } = {
    ArrowUp: token - 1,
    ArrowLeft: token - 1,
    ArrowDown: token + 1,
    ArrowRight: token + 1,
    PageUp: token - page,
    PageDown: token + page,
    Home: 0,
    End: tokens - 1,
  };
  return target[key] === undefined ? undefined : Math.min(Math.max(target[key], 0), tokens - 1);
}

function describeToken(view: DispatchView, token: number): string {
  const { scales, topK, groups } = view;
  const choices = chosenOf(view, token).map((e, k) =>
    e < 0 ? 'nowhere' : `${e} with scale ${scale(scales[token * topK + k])}`,
  );
  const kept = groups ? `, groups ${keptBy(view, token).join(', ')}` : '';
  return `token ${token}${kept}, experts ${choices.join(', ')}`;
}

function markedColumns(view: DispatchView, token: number, { expertsPerColumn }: Grid): number[] {
  const chosen = chosenOf(view, token).filter((expert) => expert >= 0);
  return chosen.map((expert) => Math.floor(expert / expertsPerColumn));
}

/** What a cell is and what its colour means. */
function describeCells({ measure, tokensPerRow, expertsPerColumn }: Grid): string {
  if (measure === 'scale')
    return 'A cell is one token and one expert, its colour the scale; blank is not chosen.';
  const cell = `${count(tokensPerRow, 'token')} × ${count(expertsPerColumn, 'expert')}`;
  return `A cell is ${cell}, its colour the share of these pairs that were chosen; blank is none.`;
}

/** What lines and grey mean. */
function describeGround({ groups, zeroExperts }: DispatchView): string {
  if (groups) return `Grey: the groups that the token keeps, of ${groups.count}.`;
  return zeroExperts > 0 ? 'Right of the line: zero experts.' : '';
}

function Legend({ grid: { measure, least, most }, palette }: { grid: Grid; palette: Palette }) {
  const percent = (share: number) => `${Number((share * 100).toPrecision(3))} %`;
  const [from, to] = measure === 'scale' ? [scale(least), scale(most)] : [percent(least), percent(most)];
  return (
    <p class="legend">
      <span>{from}</span>
      <span class="ramp" style={{ background: `linear-gradient(to right, ${palette.heat.join(', ')})` }} />
      <span>{to}</span>
      <span>
        <span class="mark" /> the token of the journey and its experts: point at the map, or use its arrow
        keys
      </span>
    </p>
  );
}
