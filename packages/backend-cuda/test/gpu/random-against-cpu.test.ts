import { type Backend, moeDispatch, moeReduce, prepareDispatch, type Tensor } from '@moe-dispatch/core';
import { expect, it } from 'vitest';
import { bothBackends } from '../support/both-backends.js';
import { type DrawnCall, drawCall, type Values } from '../support/draw-call.js';
import { Words } from '../support/problem.js';

const COUNT = Number(process.env.MOE_RANDOM ?? 300);
const FIRST_SEED = Number(process.env.MOE_SEED ?? 1);
const MOST = Number(process.env.MOE_MOST ?? 200_000);
const BATCH = 100;

const both = bothBackends();

/** The outputs of the dispatch, eager or prepared, and of a reduce of its rows, as bytes. */
async function run(backend: Backend, call: DrawnCall, prepares: boolean): Promise<Record<string, Buffer>> {
  const { tokens, hidden, experts, topK, options } = call;
  const keep: { dispose(): void }[] = [];
  const kept = <Kept extends { dispose(): void }>(made: Kept): Kept => {
    keep.push(made);
    return made;
  };
  const tensorOf = ({ data, shape, dtype }: Values): Tensor =>
    kept(backend.tensor(data as never, shape, dtype as never));
  const x = tensorOf(call.x);
  const gating = tensorOf(call.gating);
  const tensors = Object.fromEntries(
    Object.entries(call.tensors).map(([name, each]) => [name, tensorOf(each)]),
  );
  const dispatch = () => {
    if (!prepares) return kept(moeDispatch(x, gating, { ...options, ...tensors }));
    const prepared = prepareDispatch(backend, {
      ...options,
      tokens: tokens + 3,
      hidden,
      numExperts: experts,
      dtype: call.x.dtype,
      gatingDtype: call.gating.dtype as never,
      tensors: Object.keys(tensors) as never,
      sharedExperts: call.tensors.sharedLogits?.shape[1],
    });
    keep.push(prepared);
    const out = kept(prepared.outputs(tokens));
    prepared.run(x, gating, out, tensors);
    return out;
  };
  const result = dispatch();
  const identity = options.router?.zeroExperts?.kind === 'identity' ? { x } : {};
  const output = kept(moeReduce(result.permuteInput, result, identity));
  const found: Record<string, Buffer> = {};
  // Choices first: if they differ, so does all else.
  for (const [name, tensor] of Object.entries({ ...result, output }).reverse())
    found[name] = await bytes(tensor as Tensor);
  // Rows beyond the last expert's are undefined.
  const rows = ((await result.expertOffsets.read()) as Int32Array).at(-1)!;
  found.permuteInput = found.permuteInput!.subarray(0, (found.permuteInput!.length / (tokens * topK)) * rows);
  for (const each of keep) each.dispose();
  return found;
}

/** A tensor's bytes, with one NaN for all: which one an operation gives is not defined. */
async function bytes(tensor: Tensor): Promise<Buffer> {
  const data = await tensor.read();
  const infinity = { float16: 0x7c00, bfloat16: 0x7f80 }[tensor.dtype as string];
  for (let i = 0; i < data.length; i++) {
    if (tensor.dtype === 'float32' && Number.isNaN(data[i])) data[i] = Number.NaN;
    if (infinity !== undefined && (Number(data[i]) & 0x7fff) > infinity) data[i] = 0x7fff;
  }
  return Buffer.from(data.buffer);
}

async function compare(seed: number): Promise<void> {
  const call = drawCall(new Words(seed), MOST);
  const [found, expected] = [await run(both.device, call, seed % 2 === 0), await run(both.host, call, false)];
  const { tokens, hidden, experts, topK, options, tensors, gating } = call;
  for (const [name, bytes] of Object.entries(expected)) {
    if (found[name]!.equals(bytes)) continue;
    const at = found[name]!.findIndex((byte, i) => byte !== bytes[i]);
    const sizes = `T=${tokens} D=${hidden} E=${experts} K=${topK} gating ${gating.dtype}`;
    const router = `${JSON.stringify(options)} ${Object.keys(tensors)}`;
    expect.fail(`seed ${seed}: ${name} differs from the CPU's at byte ${at}: ${sizes} ${router}`);
  }
}

for (let batch = 0; batch < COUNT; batch += BATCH) {
  const first = FIRST_SEED + batch;
  const last = FIRST_SEED + Math.min(COUNT, batch + BATCH) - 1;
  it(`the same bytes as the CPU backend, seeds ${first} to ${last}`, async () => {
    for (let seed = first; seed <= last; seed++) await compare(seed);
    expect(both.device.memory().liveTensors).toBe(0);
  });
}
