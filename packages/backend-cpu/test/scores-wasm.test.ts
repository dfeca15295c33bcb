import { readFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import { beforeAll, describe, expect, it } from 'vitest';
import { quotient32 } from '../src/scores.js';
import { agreesWith, CHUNK, type ScoreName } from './score-hashes.js';

const NAMES: ScoreName[] = ['exp', 'sigmoid', 'sqrtsoftplus'];
const PAGE = 65536;
const PAGES = 1 + (4 * CHUNK) / PAGE;
const OPTIONS = `--runtime stub --optimizeLevel 3 --shrinkLevel 0 --noAssert --initialMemory ${PAGES}`;
/** All results of a chunk, and single quotients. */
const PROGRAM = `
import { expNeg, quotient32 as divide, sigmoid, sqrtsoftplus } from './scores';
export function chunk(name: i32, first: u32): void {
  for (let i: u32 = 0; i < ${CHUNK}; i++) {
    const input = reinterpret<f32>(first + i);
    const x: f32 = input > 0 ? min<f32>(input, f32.MAX_VALUE) : input >= -f32.MAX_VALUE ? input : -f32.MAX_VALUE;
    const y: f32 = name == 0 ? <f32>expNeg(x < 0 ? -x : 0) : name == 1 ? sigmoid(x) : sqrtsoftplus(x);
    store<f32>(${PAGE} + (i << 2), y);
  }
}
export function quotient32(e: f64, sum: f64): f32 { return divide(e, sum); }`;

interface Scores {
  memory: WebAssembly.Memory;
  chunk(name: number, first: number): void;
  quotient32(e: number, sum: number): number;
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
  ])('%s has the reference bits for all inputs that begin with 0x%x', (name, chunk) => {
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
});
