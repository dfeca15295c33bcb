import { describe, expect, it } from 'vitest';
import * as scores from '../../backend-cpu/test/scores-of-numbers.js';
import { STORAGE_USAGE } from '../src/buffer-pool.js';
import { FLOAT32 } from '../src/kernels/float32.wgsl.js';
import { NEAR_SIGMOID } from '../src/kernels/near-scores.wgsl.js';
import { EXP_NEG, SIGMOID, SQRTSOFTPLUS } from '../src/kernels/scores.wgsl.js';
import { readBack } from '../src/read-back.js';
import { newDefaultDevice } from './require-gpu.js';

const SPREAD = 2 ** 20;
/** Spreads 0, 1, 2, … over all words. */
const GOLDEN = 0x9e3779b1;

const device = await newDefaultDevice();

describe('score functions in WGSL', () => {
  it.each<[string, string, (x: number) => number]>([
    ['exp(-|x|)', '', (x) => Math.fround(scores.expNeg(Math.abs(x)))],
    ['sigmoid', SIGMOID, scores.sigmoid],
    ['sqrtsoftplus', SQRTSOFTPLUS, scores.sqrtsoftplus],
  ])('%s has the bits of the CPU backend', async (name, code, score) => {
    const inputs = scoreInputs();
    const call = name.startsWith('exp') ? 'exp_of(word[0])' : `${name}(word[0])`;
    const found = await onDevice(`${EXP_NEG}${code}${EXP_OF}`, call, inputs, 1);
    const expected = new Uint32Array(new Float32Array(inputs.buffer).map(score).buffer);
    expect(differences(inputs, expected, found)).toEqual([]);
  });

  it('near_sigmoid is within 2^-20 of sigmoid', async () => {
    const inputs = scoreInputs();
    const found = await onDevice(FLOAT32 + NEAR_SIGMOID, 'near_sigmoid(word[0])', inputs, 1);
    const near = new Float32Array(found.buffer);
    const errors = new Float32Array(inputs.buffer).map((x, i) => Math.abs(near[i] - scores.sigmoid(x)));
    expect(errors.reduce((most, error) => Math.max(most, error))).toBeLessThan(2 ** -20);
  });

  it('quotient32 has the bits of the CPU backend', async () => {
    const operands = quotients();
    const call = 'quotient32(word[0], word[1], word[2], word[3])';
    const found = await onDevice(EXP_NEG, call, operands, 4);
    const expected = Float32Array.from(found, (_, i) => {
      const [m, low, high, n] = operands.subarray(4 * i);
      return scores.quotient32(m * 2 ** (-31 - n), high * 2 ** 32 + low);
    });
    expect(differences(operands, new Uint32Array(expected.buffer), found)).toEqual([]);
  });
});

const EXP_OF = `
fn exp_of(bits: u32) -> u32 {
  let e = exp_neg(bits & 0x7fffffffu);
  return round32(e.x, i32(e.y), false);
}`;

/** The neighbours of all powers of two; bits of all kinds; and values that are neither tiny nor huge. */
function scoreInputs(): Uint32Array {
  const inputs: number[] = [];
  for (let power = 0; power < 0x7f800000; power += 0x800000) {
    for (let i = -3; i <= 3; i++)
      inputs.push(Math.max(0, power + i), (Math.max(0, power + i) | (2 ** 31)) >>> 0);
  }
  for (let i = 0; i < SPREAD; i++) {
    const bits = Math.imul(i, GOLDEN) >>> 0;
    const exponent = i % 2 === 0 ? (bits >>> 23) & 0xff : 90 + (i % 46);
    inputs.push(((bits & 0x807fffff) | (Math.min(exponent, 254) << 23)) >>> 0);
  }
  return Uint32Array.from(inputs);
}

/** m, a sum's two words, and n, with many quotients near halfway between two floats. */
function quotients(): Uint32Array {
  const operands = new Uint32Array(4 * SPREAD);
  for (let i = 0; i < SPREAD; i++) {
    const n = i % 3 === 0 ? 0 : (i >>> 4) % 155;
    const low = (Math.imul(i, GOLDEN) | (2 ** 31)) >>> 0;
    const high = i % 2 === 0 ? 0 : (Math.imul(i, 747796405) >>> 18) >>> (i % 14);
    let m = Math.imul(i, 277803737) >>> 0;
    // c + 1/2 times the sum, to the nearest integer
    if (i % 4 === 1) m = Math.round(((m >>> 8) + 0.5) * 2 ** -24 * (low + high * 2 ** 32));
    while (m > 0xffffffff) m = Math.round(m / 2);
    operands.set([(m | (2 ** 31)) >>> 0, low, high, n], 4 * i);
  }
  return operands;
}

function differences(inputs: Uint32Array, expected: Uint32Array, found: Uint32Array): string[] {
  const words = inputs.length / found.length;
  const hex = (values: Iterable<number>) => Array.from(values, (value) => value.toString(16)).join(' ');
  const wrong: string[] = [];
  for (let i = 0; i < found.length && wrong.length < 5; i++) {
    if (expected[i] === found[i]) continue;
    const input = inputs.subarray(i * words, (i + 1) * words);
    wrong.push(`${hex(input)}: ${hex([expected[i]])}, found ${hex([found[i]])}`);
  }
  return wrong;
}

/** The result of `call` for every group of `words` words, as `word`. */
async function onDevice(functions: string, call: string, inputs: Uint32Array, words: number) {
  const code = `${functions}
@group(0) @binding(0) var<storage, read_write> input: array<array<u32, ${words}>>;
@group(0) @binding(1) var<storage, read_write> output: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= arrayLength(&input)) { return; }
  let word = input[i];
  output[i] = ${call};
}`;
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const [input, output] = [inputs.byteLength, inputs.byteLength / words].map((size) =>
    device.createBuffer({ size, usage: STORAGE_USAGE }),
  );
  device.queue.writeBuffer(input, 0, inputs as Uint32Array<ArrayBuffer>);
  const entries = [input, output].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(256, Math.ceil(inputs.length / words / 64 / 256));
  pass.end();
  device.queue.submit([encoder.finish()]);
  return new Uint32Array(await readBack(device, { buffer: output, byteOffset: 0, byteLength: output.size }));
}
