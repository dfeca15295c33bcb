import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { moeDispatch, moeReduce, prepareDispatch } from '@moe-dispatch/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CudaBackend, cuda } from '../../src/index.js';
import { type Harness, loadHarness } from '../support/harness.js';
import { disposeAll, Words } from '../support/problem.js';

const SOAK_SECONDS = Number(process.env.MOE_SOAK_SECONDS ?? 5);
const MIB = 2 ** 20;

let harness: Harness;
let backend: CudaBackend;
beforeAll(async () => {
  harness = loadHarness();
  backend = await cuda().create();
});
afterAll(() => backend.dispose());

describe('running out of memory', () => {
  it('is a typed error, after which the next call works', async () => {
    const free = harness.freeBytes();
    const half = Math.floor(free * 0.6);
    const kept = backend.empty([half], 'uint8');
    const error = expect.objectContaining({
      name: 'ResourceError',
      code: 'OUT_OF_MEMORY',
      argument: 'shape',
    });
    expect(() => backend.empty([half], 'uint8')).toThrow(error);
    const small = backend.tensor(Int32Array.of(4, 5), [2], 'int32');
    expect([...((await small.read()) as Int32Array)]).toEqual([4, 5]);
    // What was disposed can be had again at once.
    kept.dispose();
    backend.empty([half], 'uint8').dispose();
    small.dispose();
    expect(backend.memory().liveBytes).toBe(0);
  });

  it('is another error above the limit of the device', () => {
    const { maxTensorBytes } = backend.info.limits;
    expect(() => backend.empty([maxTensorBytes + 1], 'uint8')).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });
});

describe('tensors that are collected without dispose', () => {
  it('free their memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const bytes = 64 * MIB;
    const live = () => backend.memory().liveBytes;
    for (let i = 0; i < 20; i++) backend.empty([bytes], 'uint8');
    expect(live()).toBe(20 * bytes);
    for (let i = 0; i < 50 && live() > 0; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // A stack slot may still hold the last one.
    expect(live()).toBeLessThanOrEqual(bytes);
  });
});

describe('reading', () => {
  it('does not block JavaScript', async () => {
    const bytes = 1024 * MIB;
    const tensor = backend.empty([bytes], 'uint8');
    harness.fill(tensor.devicePtr, 0x01010101, bytes / 4, 0n);
    harness.synchronize(0n);
    const started = performance.now();
    const reading = tensor.read();
    const issued = performance.now() - started;
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const values = (await reading) as Uint8Array;
    clearInterval(timer);
    const total = performance.now() - started;
    expect(values[0]).toBe(1);
    expect(values[bytes - 1]).toBe(1);
    expect(issued).toBeLessThan(total / 4);
    expect(turns).toBeGreaterThan(5);
    tensor.dispose();
  });

  it('gives the values of before the read, whatever comes after it', async () => {
    const tensor = backend.tensor(new Int32Array(1 << 20).fill(3), [1 << 20], 'int32');
    const reading = tensor.read();
    const stream = harness.createStream();
    const scope = backend.withStream(stream);
    harness.fill(tensor.devicePtr, 9, 1 << 20, stream);
    scope.end();
    tensor.dispose();
    const values = (await reading) as Int32Array;
    expect(values.every((value) => value === 3)).toBe(true);
    harness.destroyStream(stream);
  });

  it('goes on while the backend is disposed', async () => {
    const other = await cuda().create();
    const tensor = other.tensor(new Int32Array(1 << 22).fill(6), [1 << 22], 'int32');
    const reading = Promise.all([tensor.read(), tensor.read()]);
    other.dispose();
    for (const values of await reading)
      expect((values as Int32Array).every((value) => value === 6)).toBe(true);
  });
});

describe('a tensor of 17 GiB', () => {
  it('is dispatched and reduced beyond 4 GiB and 2^31 elements', async () => {
    const [tokens, hidden, experts] = [65_536, 70_000, 4];
    const rowBytes = hidden * 2;
    const x = backend.empty([tokens, hidden], 'bfloat16');
    harness.fill(x.devicePtr, 0x3f803f80, x.byteLength / 4, 0n);
    harness.synchronize(0n);
    const words = new Words(3);
    const gating = backend.tensor(words.floats(tokens * experts), [tokens, experts], 'float32');
    const first = words.uint16(hidden);
    const last = words.uint16(hidden);
    harness.write(x.devicePtr, first);
    harness.write(x.devicePtr + BigInt((tokens - 1) * rowBytes), last);
    const out = moeDispatch(x, gating, { moeTopk: 2 });
    expect(out.permuteInput.byteLength).toBeGreaterThan(17 * 2 ** 30);
    const map = (await out.permuteIndicesPerToken.read()) as Int32Array;
    const row = (index: number) => {
      const at = out.permuteInput.devicePtr + BigInt(index) * BigInt(rowBytes);
      return Buffer.from(harness.read(at, rowBytes));
    };
    for (const k of [0, 1]) {
      expect(row(map[k * tokens]!).equals(Buffer.from(first.buffer))).toBe(true);
      expect(row(map[k * tokens + tokens - 1]!).equals(Buffer.from(last.buffer))).toBe(true);
      expect(row(map[k * tokens + 1000]!).readUInt16LE(rowBytes - 2)).toBe(0x3f80);
    }
    const reduced = moeReduce(out.permuteInput, out, { normTopkProb: true });
    const middle = harness.read(reduced.devicePtr + BigInt((tokens - 2) * rowBytes), rowBytes);
    expect(new Uint16Array(middle).every((bits) => bits === 0x3f80)).toBe(true);
    disposeAll(x, gating, out, reduced);
  });
});

it(
  `memory stays flat for ${SOAK_SECONDS} seconds of work`,
  async () => {
    const words = new Words(9);
    // A backend of its own, because the pool of the other holds what the tests above took.
    const soaked = await cuda().create();
    const reserved = () => soaked.memory().pooledBytes + soaked.memory().liveBytes;
    const round = async () => {
      const [tokens, hidden, experts, topK] = [1 + words.below(2000), 8 * (1 + words.below(64)), 64, 6];
      const x = soaked.tensor(words.uint16(tokens * hidden), [tokens, hidden], 'bfloat16');
      const gating = soaked.tensor(words.floats(tokens * experts), [tokens, experts], 'float32');
      const prepared = prepareDispatch(soaked, {
        tokens,
        hidden,
        numExperts: experts,
        moeTopk: topK,
        dtype: 'bfloat16',
      });
      const out = prepared.outputs();
      prepared.run(x, gating, out);
      const eager = moeDispatch(x, gating, { moeTopk: topK });
      const counts = (await eager.tokenNumsPerExpert.read()) as BigInt64Array;
      expect(counts.reduce((sum, each) => sum + each, 0n)).toBe(BigInt(tokens * topK));
      prepared.dispose();
      disposeAll(x, gating, out, eager);
    };
    // The pool finds its size first.
    for (let i = 0; i < 200; i++) await round();
    const before = reserved();
    const resident = process.memoryUsage().rss;
    const end = Date.now() + SOAK_SECONDS * 1000;
    let rounds = 0;
    for (; Date.now() < end; rounds++) await round();
    const after = reserved();
    const grown = process.memoryUsage().rss - resident;
    console.log(
      `soak: ${rounds} rounds in ${SOAK_SECONDS} s; reserved on the device ${(before / MIB).toFixed(1)} MiB before, ` +
        `${(after / MIB).toFixed(1)} MiB after; resident ${(resident / MIB).toFixed(0)} MiB before, ` +
        `${(grown / MIB).toFixed(0)} MiB more after`,
    );
    expect(soaked.memory().liveTensors).toBe(0);
    expect(after - before).toBeLessThan(64 * MIB);
    expect(grown).toBeLessThan(200 * MIB);
    soaked.dispose();
  },
  (SOAK_SECONDS + 120) * 1000,
);
