import { readFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import { beforeAll, describe, expect, it } from 'vitest';
import { COEFFICIENTS } from '../src/scores.js';
import { agreesWith, CHUNK, type ScoreName } from './score-hashes.js';

/** By their places in core's SCORING_FUNCS. */
const NAMES: ScoreName[] = ['exp', 'sigmoid', 'sqrtsoftplus'];
const PAGE = 65536;
const PAGES = 1 + (4 * CHUNK) / PAGE;
const OPTIONS = `--runtime stub --enable simd --optimizeLevel 3 --shrinkLevel 0 --noAssert --initialMemory ${PAGES}`;
/** All results of a chunk, in place of their inputs. A softmax among terms that sum to 1 is the exponential function. */
const PROGRAM = `
import { findScores, findTerms } from './scores';
const TERMS: usize = ${PAGE / 2};
const STEP: i32 = 1024;
function input(bits: u32): f32 {
  const x = reinterpret<f32>(bits);
  return x > 0 ? min<f32>(x, f32.MAX_VALUE) : x >= -f32.MAX_VALUE ? x : -f32.MAX_VALUE;
}
export function chunk(name: i32, first: u32): void {
  const end: usize = ${PAGE} + 4 * ${CHUNK};
  for (let step: usize = ${PAGE}; step < end; step += 4 * STEP) {
    for (let at = step; at < step + 4 * STEP; at += 4) {
      const x = input(first++);
      store<f32>(at, name == 0 ? min<f32>(x, 0) : x);
    }
    findTerms(name, step, STEP, f32x4.splat(0), TERMS);
    findScores(name, step, STEP, TERMS, f64x2.splat(2147483648), step);
  }
}`;

interface Scores {
  memory: WebAssembly.Memory;
  chunk(name: number, first: number): void;
}
let scores: Scores;

beforeAll(async () => {
  const source = readFileSync(new URL('../wasm/scores.ts', import.meta.url), 'utf8');
  const files: Record<string, string> = { 'program.ts': PROGRAM, 'scores.ts': source };
  let binary = new Uint8Array();
  const { error, stderr } = await asc.main(
    ['program.ts', '--outFile', 'program.wasm', ...OPTIONS.split(' ')],
    {
      readFile: (name: string) => files[name] ?? null,
      writeFile: (name: string, contents: string | Uint8Array) => {
        if (name === 'program.wasm') binary = Uint8Array.from(contents as Uint8Array);
      },
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr}`);
  scores = (await WebAssembly.instantiate(binary)).instance.exports as unknown as Scores;
  new Int32Array(scores.memory.buffer).set(COEFFICIENTS);
});

describe('score functions in WebAssembly', () => {
  it.each<[ScoreName, number]>([
    ['exp', 0xc1],
    ['exp', 0x43],
    ['sigmoid', 0xc1],
    ['sigmoid', 0x3f],
    ['sqrtsoftplus', 0x3f],
    ['sqrtsoftplus', 0xb8],
    ['sqrtsoftplus', 0x7f],
    ['sqrtsoftplus', 0xff],
  ])('%s has the reference bits for all inputs of chunk %i', (name, chunk) => {
    scores.chunk(NAMES.indexOf(name), chunk * CHUNK);
    expect(agreesWith(name, chunk, new Float32Array(scores.memory.buffer, PAGE, CHUNK))).toBe(true);
  });
});
