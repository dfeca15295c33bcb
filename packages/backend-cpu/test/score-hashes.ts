import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export type ScoreName = 'exp' | 'sigmoid' | 'sqrtsoftplus';

/** What scripts/prove-scores.sh found for all inputs; `exp` is that of min(x, 0). */
const REFERENCE: Record<ScoreName, { sha256: string; chunks: string[] }> = JSON.parse(
  readFileSync(new URL('../../conformance/scores/hashes.json', import.meta.url), 'utf8'),
);
/** Inputs with the same 8 leading bits. */
export const CHUNK = 2 ** 24;

const inputs = new Float32Array(CHUNK);
const results = new Float32Array(CHUNK);

/** The chunk's cleaned inputs: NaN and −∞ count as −FLT_MAX, +∞ as FLT_MAX. */
function cleanInputs(chunk: number): Float32Array {
  const words = new Uint32Array(inputs.buffer);
  for (let i = 0; i < CHUNK; i++) {
    const bits = chunk * CHUNK + i;
    if ((bits & 0x7f800000) !== 0x7f800000) words[i] = bits;
    else words[i] = bits === 0x7f800000 ? 0x7f7fffff : 0xff7fffff;
  }
  return inputs;
}

/** Whether `score` has the reference's bits for all inputs of a chunk. */
export function agrees(name: ScoreName, chunk: number, score: (x: number) => number): boolean {
  const x = cleanInputs(chunk);
  for (let i = 0; i < CHUNK; i++) results[i] = score(x[i]);
  return agreesWith(name, chunk, results);
}

export function agreesWith(name: ScoreName, chunk: number, found: Float32Array): boolean {
  const bytes = new Uint8Array(found.buffer, found.byteOffset, found.byteLength);
  return createHash('sha256').update(bytes).digest('hex') === REFERENCE[name].chunks[chunk];
}
