import { type CpuBackend, cpu } from '@moe-dispatch/backend-cpu';
import { type Backend, moeDispatch, type Tensor } from '@moe-dispatch/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CudaBackend, cuda } from '../../src/index.js';
import { Words } from '../support/problem.js';

const COUNT = Number(process.env.MOE_RANDOM ?? 200);
const FIRST_SEED = Number(process.env.MOE_SEED ?? 1);
const BATCH = 100;

let device: CudaBackend;
let host: CpuBackend;
beforeAll(async () => {
  device = await cuda().create();
  host = await cpu().create();
});
afterAll(() => {
  device.dispose();
  host.dispose();
});

/** A call of any size and mode that takes a moment on the CPU. */
function draw(words: Words) {
  const from = <V>(...values: V[]): V => values[words.below(values.length)]!;
  const experts = from(1, 2, 5, 8, 16, 17, 48, 64, 96, 128, 200, 256, 384, 512, 1000, 1025, 2048, 8192);
  const mode = from('softmax', 'group', 'topk-only');
  let topK = Math.min(experts, from(1, 2, 3, 4, 6, 8, 9, 33, 300));
  while (mode === 'group' && experts % topK !== 0) topK--;
  const most = Math.max(1, Math.floor(200_000 / Math.max(experts, topK)));
  const tokens = Math.min(most, from(1, 2, 3, 4, 16, 31, 64, 130, 700, 3000));
  const hidden = Math.min(
    from(1, 3, 8, 24, 64, 72, 255, 1024),
    Math.max(1, Math.floor(400_000 / (tokens * topK))),
  );
  const dtype = from('float32' as const, 'bfloat16' as const);
  const gating = words.floats(tokens * experts);
  // Ties, and a few values that count as others.
  if (words.below(3) === 0) for (let i = 0; i < gating.length; i++) gating[i] = Math.round(gating[i]!);
  if (words.below(4) === 0)
    gating.fill([Number.NaN, Infinity, -Infinity][words.below(3)]!, 0, words.below(9));
  const x = dtype === 'float32' ? words.floats(tokens * hidden) : words.uint16(tokens * hidden);
  return { tokens, hidden, experts, topK, mode, dtype, gating, x };
}

async function run(backend: Backend, call: ReturnType<typeof draw>) {
  const { tokens, hidden, experts, topK, mode, dtype } = call;
  const keep: { dispose(): void }[] = [];
  const tensor = (data: never, shape: number[], type: never): Tensor => {
    const made = backend.tensor(data, shape, type);
    keep.push(made);
    return made;
  };
  const x = tensor(call.x as never, [tokens, hidden], dtype as never);
  const gating = tensor(call.gating as never, [tokens, experts], 'float32' as never);
  const options = { moeTopk: topK, groupMoe: mode === 'group', topkOnlyMode: mode === 'topk-only' };
  const result = moeDispatch(x, gating, options);
  keep.push(result);
  const exact = [
    result.permuteInput,
    result.tokenNumsPerExpert,
    result.expertOffsets,
    result.permuteIndicesPerToken,
    result.topKIndices,
  ];
  const bytes = await Promise.all(exact.map(async (each) => Buffer.from((await each.read()).buffer)));
  const scales = (await result.expertScalesFloat.read()) as Float32Array;
  for (const each of keep) each.dispose();
  return { bytes, scales };
}

async function compare(seed: number): Promise<void> {
  const call = draw(new Words(seed));
  const [found, expected] = [await run(device, call), await run(host, call)];
  const { tokens, hidden, experts, topK, mode } = call;
  const label = `seed ${seed}: T=${tokens} D=${hidden} E=${experts} K=${topK} ${mode}`;
  for (let i = 0; i < found.bytes.length; i++) {
    if (!found.bytes[i]!.equals(expected.bytes[i]!))
      expect.fail(`${label}: output ${i} differs from the CPU's`);
  }
  const a = found.scales;
  const b = expected.scales;
  for (let i = 0; i < a.length; i++) {
    // Each may be 2e-6 + 2^-23 (max - g) from the truth; the values span less than 16, or are clamped.
    if (Object.is(a[i], b[i]) || Math.abs(a[i]! - b[i]!) <= Math.abs(b[i]!) * 8e-6 + 2e-37) continue;
    expect.fail(`${label}: scale ${i} is ${a[i]}, on the CPU ${b[i]}`);
  }
}

for (let batch = 0; batch < COUNT; batch += BATCH) {
  const first = FIRST_SEED + batch;
  const last = FIRST_SEED + Math.min(COUNT, batch + BATCH) - 1;
  it(`the same bytes as the CPU backend, seeds ${first} to ${last}`, async () => {
    for (let seed = first; seed <= last; seed++) await compare(seed);
    expect(device.memory().liveTensors).toBe(0);
  });
}
