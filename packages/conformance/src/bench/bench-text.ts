import { printable } from '../printable.js';
import {
  type BackendBench,
  type BenchReport,
  dispatchRatio,
  reduceRatio,
  shapeName,
} from './bench-report.js';

const HEAD = ['T, D, E, K', 'copy ms', 'dispatch ms', '× copy', 'reduce ms', '× copy', 'dispatch GB/s'];

/** A table in Markdown for each backend, and what was not measured. */
export function formatBench({ dtype, timing, machine, backends, unavailable }: BenchReport): string {
  const where = printable(`${machine.processor}, ${machine.runtime}, ${machine.platform}`);
  const head = `${where}; rows of ${dtype}.\n${timing}.`;
  const missing = unavailable.map(({ backend, reason }) => printable(`not available: ${backend}: ${reason}`));
  return [head, ...backends.map(formatBackend), ...missing].join('\n\n');
}

function formatBackend({ name, device, copy, rows, leftOut }: BackendBench): string {
  const lines = rows.map((row) => [
    shapeName(row.shape),
    row.copyMs.toPrecision(3),
    row.dispatchMs.toPrecision(3),
    dispatchRatio(row).toFixed(2),
    row.reduceMs.toPrecision(3),
    reduceRatio(row).toFixed(2),
    (row.dispatchBytes / row.dispatchMs / 1e6).toPrecision(3),
  ]);
  const table = [HEAD, HEAD.map((_, i) => (i === 0 ? '---' : '---:')), ...lines].map(
    (cells) => `| ${cells.join(' | ')} |`,
  );
  const missing = leftOut.map(({ shape, reason }) => printable(`left out: ${shapeName(shape)}: ${reason}`));
  return [
    printable(`${name} (${device}), compared with ${copy}`),
    '',
    ...(rows.length > 0 ? table : []),
    ...(missing.length > 0 ? ['', ...missing] : []),
  ].join('\n');
}
