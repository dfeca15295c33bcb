import { styleText } from 'node:util';

/** Fits a terminal of 80 columns. */
const LINE = 78;
/** More experts than this are not all drawn: the busiest are. */
const MAX_DRAWN = 64;
const TWO_COLUMNS_FROM = 17;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/**
 * Bars of the tokens that each expert got.
 * @param counts [E]
 */
export function drawLoad(counts: BigInt64Array, colour: boolean): string {
  const loads = Array.from(counts, Number);
  const total = loads.reduce((sum, load) => sum + load, 0);
  const drawn = busiest(loads);
  const columns = drawn.length >= TWO_COLUMNS_FROM ? 2 : 1;
  const rows = Math.ceil(drawn.length / columns);
  const idWidth = String(loads.length - 1).length;
  const countWidth = String(Math.max(...loads)).length;
  const barWidth = Math.min(40, Math.floor(LINE / columns) - idWidth - countWidth - 6);
  const scale = barWidth / Math.max(...loads, 1);
  const cell = (expert: number) => {
    const filled = bar(loads[expert] * scale);
    const painted = colour ? styleText('cyan', filled) : filled;
    const gap = ' '.repeat(barWidth - filled.length);
    return `  ${pad(expert, idWidth)}  ${painted}${gap} ${pad(loads[expert], countWidth)}`;
  };
  const lines = [heading(loads.length, drawn.length, total)];
  for (let row = 0; row < rows; row++) {
    lines.push(
      drawn
        .filter((_, i) => i % rows === row)
        .map(cell)
        .join('  '),
    );
  }
  return [...lines, extremes(loads)].join('\n');
}

function busiest(loads: readonly number[]): number[] {
  const experts = [...loads.keys()];
  if (loads.length <= MAX_DRAWN) return experts;
  return experts.sort((a, b) => loads[b] - loads[a] || a - b).slice(0, MAX_DRAWN);
}

function heading(numExperts: number, drawn: number, total: number): string {
  const which = drawn < numExperts ? `, the ${drawn} busiest of ${numExperts}` : '';
  const mean = total / numExperts;
  return `Load per expert${which} (an even share would be ${Number(mean.toFixed(1))} tokens)`;
}

function extremes(loads: readonly number[]): string {
  const [most, least] = [Math.max(...loads), Math.min(...loads)];
  const idle = loads.filter((load) => load === 0).length;
  const idleText = idle === 0 ? '' : `; ${idle} experts got none`;
  return `  most ${most} (expert ${loads.indexOf(most)}), least ${least} (expert ${loads.indexOf(least)})${idleText}`;
}

/** A bar of `length` characters, to an eighth; the least load shows. */
function bar(length: number): string {
  const eighths = length > 0 ? Math.max(1, Math.round(length * 8)) : 0;
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}

function pad(value: number, width: number): string {
  return String(value).padStart(width);
}
