import { isMoeDispatchError, moeDispatch, planDispatch } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { type WebGpuBackend, webgpu } from '../src/index.js';
import { checkDispatch } from './check-dispatch.js';
import { forward } from './limited-device.js';
import { gpu, newDevice } from './require-gpu.js';

const SIZES = { tokens: 40, hidden: 8, experts: 8, topK: 2 };

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return isMoeDispatchError(error) ? error.code : `no typed error, but ${String(error)}`;
}

/** A device whose memory is said to be exhausted once a buffer of more than `bytes` is asked for. */
function deviceOfMemory(device: GPUDevice, bytes: number): GPUDevice {
  const scopes: { filter: string; failed: boolean }[] = [];
  return forward(device, {
    pushErrorScope: (filter: GPUErrorFilter) => {
      scopes.push({ filter, failed: false });
      device.pushErrorScope(filter);
    },
    popErrorScope: async () => {
      const scope = scopes.pop()!;
      const error = await device.popErrorScope();
      return scope.failed ? { message: 'simulated: out of memory' } : error;
    },
    createBuffer: (descriptor: GPUBufferDescriptor) => {
      const buffer = device.createBuffer(descriptor);
      if (descriptor.size <= bytes) return buffer;
      for (const scope of scopes) scope.failed ||= scope.filter === 'out-of-memory';
      // As useless as a buffer without memory: submits that use it fail.
      buffer.destroy();
      return buffer;
    },
  });
}

function result(backend: WebGpuBackend, tokens: number) {
  const x = backend.tensor(new Float32Array(tokens * 8), [tokens, 8], 'float32');
  const gating = backend.tensor(new Float32Array(tokens * 8), [tokens, 8], 'float32');
  return { x, gating, result: moeDispatch(x, gating, { moeTopk: 4 }) };
}

describe('faults', () => {
  it('a lost device rejects pending reads, tells, and stops later calls', async () => {
    const device = await newDevice();
    const backend = await webgpu({ device }).create();
    const { x, gating, result: pending } = result(backend, 1000);
    const read = codeOf(pending.permuteInput.read());
    device.destroy();
    expect(await read).toBe('DEVICE_LOST');
    expect((await backend.lost).reason).toBe('destroyed');
    expect(() => moeDispatch(x, gating, { moeTopk: 2 })).toThrow(/a lost device \(destroyed\)/);
    expect(() => backend.empty([1], 'float32')).toThrow(expect.objectContaining({ code: 'DEVICE_LOST' }));
    expect(await codeOf(x.read())).toBe('DEVICE_LOST');
    expect(await codeOf(backend.settled())).toBe('DEVICE_LOST');
    x.dispose();
    backend.dispose();
  });

  it('a device of its own is destroyed with the backend, a device of the caller is not', async () => {
    const own = await webgpu({ gpu }).create();
    own.dispose();
    expect((await own.lost).reason).toBe('destroyed');
    const device = await newDevice();
    const backend = await webgpu({ device }).create();
    const tensor = backend.tensor(new Float32Array(4), [4], 'float32');
    backend.dispose();
    expect(await codeOf(tensor.read())).toBe('BACKEND_DISPOSED');
    await checkDispatch(await webgpu({ device }).create(), SIZES);
  });

  it('memory that is not there rejects the read, leaks nothing, and the next smaller call works', async () => {
    const backend = await webgpu({ device: deviceOfMemory(await newDevice(), 65536) }).create();
    const { x, gating, result: large } = result(backend, 1000);
    const reads = [large.permuteInput, large.topKIndices, large.expertOffsets].map((tensor) =>
      codeOf(tensor.read()),
    );
    expect(await Promise.all(reads)).toEqual(['OUT_OF_MEMORY', 'OUT_OF_MEMORY', 'OUT_OF_MEMORY']);
    for (const tensor of [x, gating, large]) tensor.dispose();
    expect(backend.memory()).toMatchObject({ liveTensors: 0, liveBytes: 0 });
    await checkDispatch(backend, SIZES);
    await expect(backend.settled()).resolves.toBeUndefined();
  });

  it('an error that no read tells is told by settled(), once', async () => {
    const backend = await webgpu({ device: deviceOfMemory(await newDevice(), 65536) }).create();
    result(backend, 1000);
    expect(await codeOf(backend.settled())).toBe('OUT_OF_MEMORY');
  });

  it('a shader that does not compile is reported with its file and what the compiler says', async () => {
    const device = await newDevice();
    const broken = forward(device, {
      createShaderModule: (descriptor: GPUShaderModuleDescriptor) =>
        device.createShaderModule({
          ...descriptor,
          code: descriptor.code.replace('fn main(', 'fn main(oops '),
        }),
    });
    const backend = await webgpu({ device: broken }).create();
    const plan = planDispatch(backend.tensor(new Int32Array(4), [4, 1], 'int32'), 2);
    await expect(plan.expertOffsets.read()).rejects.toThrow(
      /shader place-pairs\.wgsl\.ts .*found error at \d+:\d+: /,
    );
  });

  it('an error on its own device that belongs to no call is told by settled()', async () => {
    const backend = await webgpu({ gpu }).create();
    backend.device.createBuffer({ size: 4, usage: 0 });
    expect(await codeOf(backend.settled())).toBe('DEVICE_ERROR');
    backend.dispose();
  });
});
