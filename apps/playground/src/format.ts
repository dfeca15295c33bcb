import type { DispatchView } from './protocol.js';

export function count(value: number, noun: string): string {
  return `${number(value)} ${noun}${value === 1 ? '' : 's'}`;
}

export function number(value: number): string {
  return value.toLocaleString('en');
}

export function decimals(value: number): string {
  return Number(value.toFixed(1)).toLocaleString('en');
}

export function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function milliseconds(ms: number): string {
  // Browsers round their clock to 0.1 ms.
  return ms < 0.1 ? 'under 0.1 ms' : `${ms.toFixed(1)} ms`;
}

export function scale(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toFixed(4);
}

export function difference(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}

export function backendName(name: string): string {
  return { webgpu: 'WebGPU', cpu: 'CPU' }[name] ?? name;
}

/** The experts that a token chose, best first as the backend gave them; −1 where it went nowhere. */
export function chosenOf({ chosen, topK }: DispatchView, token: number): number[] {
  return [...chosen.subarray(token * topK, (token + 1) * topK)];
}

/** The groups that a token keeps; none where it has no groups. */
export function keptBy({ groups }: DispatchView, token: number): number[] {
  if (groups === undefined) return [];
  const own = [...groups.kept.subarray(token * groups.count, (token + 1) * groups.count)];
  return own.flatMap((isKept, group) => (isKept ? [group] : []));
}
