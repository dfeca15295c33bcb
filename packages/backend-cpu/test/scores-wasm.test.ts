import { readFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import { beforeAll, describe, expect, it } from 'vitest';
import { expNeg, quotient32, unitsOf } from '../src/scores.js';
import { agreesWith, CHUNK, type ScoreName } from './score-hashes.js';

const NAMES: ScoreName[] = ['exp', 'sigmoid', 'sqrtsoftplus'];
const PAGE = 65536;
const PAGES = 1 + (4 * CHUNK) / PAGE;
const OPTIONS = `--runtime stub --enable simd --optimizeLevel 3 --shrinkLevel 0 --noAssert --initialMemory ${PAGES}`;
/** All results of a chunk, and single quotients. */
const PROGRAM = `
import { expNeg, quotient32 as divide, sigmoid, sqrtsoftplus, unitsOf4 } from './scores';
export function chunk(name: i32, first: u32): void {
  for (let i: u32 = 0; i < ${CHUNK}; i++) {
    const input = reinterpret<f32>(first + i);
    const x: f32 = input > 0 ? min<f32>(input, f32.MAX_VALUE) : input >= -f32.MAX_VALUE ? input : -f32.MAX_VALUE;
    const y: f32 = name == 0 ? <f32>expNeg(x < 0 ? -x : 0) : name == 1 ? sigmoid(x) : sqrtsoftplus(x);
    store<f32>(${PAGE} + (i << 2), y);
  }
}
export function quotient32(e: f64, sum: f64): f32 { return divide(e, sum); }
export function units(a: f32, b: f32, c: f32, d: f32, pair: i32): f64 {
  const sums = unitsOf4(f32x4(a, b, c, d));
  return pair == 0 ? f64x2.extract_lane(sums, 0) : f64x2.extract_lane(sums, 1);
}`;

interface Scores {
  memory: WebAssembly.Memory;
  chunk(name: number, first: number): void;
  quotient32(e: number, sum: number): number;
  units(a: number, b: number, c: number, d: number, pair: number): number;
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

  it('quotient32 has the bits of the JavaScript', () => {
    const wrong: number[][] = [];
    for (let i = 0; i < 2 ** 18; i++) {
      const sum = (Math.imul(i, 747796405) >>> 0) * 2 ** (i % 14) + 2 ** 31 + i;
      // Near a half of a unit in the last place, every second time.
      const m = i % 2 === 0 ? Math.imul(i, 277803737) >>> 0 : Math.round((0.5 + (i + 0.5) * 2 ** -24) * sum);
      const e = m * 2 ** (-31 - (i % 5 === 0 ? i % 160 : 0));
      if (scores.quotient32(e, sum) !== quotient32(e, sum)) wrong.push([e, sum]);
    }
    expect(wrong.slice(0, 5)).toEqual([]);
  });

  it('unitsOf4 has the units of the JavaScript', () => {
    const float = new Float32Array(1);
    const word = new Uint32Array(float.buffer);
    const size = (i: number) => {
      // From 2^-34 to 2^9 mostly, 0 and the largest.
      word[0] =
        i % 64 === 0
          ? (i % 128) * 33291768
          : ((93 + (i % 43)) << 23) | ((Math.imul(i, 747796405) >>> 9) & 0x7fffff);
      return float[0];
    };
    const wrong: number[][] = [];
    for (let i = 0; i < 2 ** 18; i += 4) {
      const sizes = [size(i), size(i + 1), size(i + 2), size(i + 3)] as const;
      const [a, b, c, d] = sizes.map((each) => unitsOf(expNeg(each)));
      if (scores.units(...sizes, 0) !== a + c || scores.units(...sizes, 1) !== b + d) wrong.push([...sizes]);
    }
    expect(wrong.slice(0, 5)).toEqual([]);
  });
});
