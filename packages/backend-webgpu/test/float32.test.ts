import { describe, expect, it } from 'vitest';
import { STORAGE_USAGE } from '../src/buffer-pool.js';
import { FLOAT32, FLOAT32_DIVIDE } from '../src/kernels/float32.wgsl.js';
import { readBack } from '../src/read-back.js';
import { newDefaultDevice } from './require-gpu.js';

/** Every pair of these is tried with both signs: zero, subnormals, powers of two and their neighbours, ties, infinity, NaN. */
const TELLING = [
  ...[0, 1, 2, 3, 0x3fffff, 0x400000, 0x400001, 0x7ffffe, 0x7fffff, 0x800000, 0x800001, 0xffffff, 0x1000000],
  ...[0x0b800000, 0x0c000000, 0x33800000, 0x33800001, 0x34000000, 0x3effffff, 0x3f000000, 0x3f7fffff],
  ...[0x3f800000, 0x3f800001, 0x3fc00000, 0x3fffffff, 0x40000000, 0x4b7fffff, 0x4b800000, 0x4b800001],
  ...[
    0x5f7fffff, 0x5f800000, 0x7e7fffff, 0x7e800000, 0x7f000000, 0x7f7ffffe, 0x7f7fffff, 0x7f800000,
    0x7fc00000,
  ],
].flatMap((bits) => [bits, bits + 0x80000000]);

const RANDOM = 2 ** 20;
const EXACT = {
  add: (a: number, b: number) => Math.fround(a + b),
  multiply: (a: number, b: number) => Math.fround(a * b),
  divide: (a: number, b: number) => Math.fround(a / b),
};

const { a, b } = operands();
const device = await newDefaultDevice();

describe('float32 in integers', () => {
  it.each(Object.keys(EXACT) as (keyof typeof EXACT)[])('%s is exact to the bit', async (operation) => {
    const found = await onDevice(operation);
    const [x, y] = [new Float32Array(a.buffer), new Float32Array(b.buffer)];
    const expected = x.map((value, i) => EXACT[operation](value, y[i]));
    const bits = new Uint32Array(expected.buffer);
    const wrong: string[] = [];
    for (let i = 0; i < bits.length; i++) {
      // Weights are not divided by a sum of 0.
      if (operation === 'divide' && y[i] === 0) continue;
      if (Number.isNaN(expected[i]) ? (found[i] & 0x7fffffff) > 0x7f800000 : bits[i] === found[i]) continue;
      wrong.push(`${x[i]}, ${y[i]}: ${expected[i]}, found ${found[i].toString(16)}`);
    }
    expect(wrong.slice(0, 5)).toEqual([]);
  });
});

/** The telling pairs; random bits, and random bits whose exponents are close. */
function operands() {
  const pairs = TELLING.flatMap((left) => TELLING.map((right) => [left, right]));
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed ^ (seed >>> 15)) >>> 0;
  };
  for (let i = 0; i < RANDOM; i++) {
    const left = random();
    const right = random();
    const near = ((left & 0x7f800000) + ((right >>> 27) << 23) - (8 << 23)) & 0x7f800000;
    pairs.push([left, i % 2 === 0 ? right : (right & 0x807fffff) | near]);
  }
  const column = (side: number) => Uint32Array.from(pairs, (pair) => pair[side]);
  return { a: column(0), b: column(1) };
}

async function onDevice(operation: string): Promise<Uint32Array> {
  const code = `${FLOAT32}${FLOAT32_DIVIDE}
@group(0) @binding(0) var<storage, read_write> a: array<u32>;
@group(0) @binding(1) var<storage, read_write> b: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < arrayLength(&a)) { a[i] = ${operation}(a[i], b[i]); }
}`;
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const [left, right] = [a, b].map((values) => {
    const size = values.byteLength;
    const buffer = device.createBuffer({ size, usage: STORAGE_USAGE, mappedAtCreation: true });
    new Uint32Array(buffer.getMappedRange()).set(values);
    buffer.unmap();
    return buffer;
  });
  const entries = [left, right].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(256, Math.ceil(a.length / 64 / 256));
  pass.end();
  device.queue.submit([encoder.finish()]);
  return new Uint32Array(await readBack(device, { buffer: left, byteOffset: 0, byteLength: a.byteLength }));
}
