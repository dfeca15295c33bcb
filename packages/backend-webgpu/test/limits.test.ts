import { BackendUnavailableError, moeDispatch, ResourceError } from '@moe-dispatch/core';
import { contractOf } from '@moe-dispatch/core/backend';
import { describe, expect, it } from 'vitest';
import { webgpu } from '../src/index.js';
import type { WebGpuContract } from '../src/webgpu-contract.js';
import { checkDispatch } from './check-dispatch.js';
import { countedDevice } from './counted-device.js';
import { limitedDevice } from './limited-device.js';
import { newDevice } from './require-gpu.js';

const device = await newDevice();

function limited(limits: Partial<Record<keyof GPUSupportedLimits, number>>) {
  return webgpu({ device: limitedDevice(device!, { limits }) }).create();
}

describe('limits', () => {
  // x is 64 rows of 16 float32: 4096 bytes; permuted twice as many.
  const sizes = { tokens: 64, hidden: 16, experts: 8, topK: 2 };

  it.each([4096 - 4, 4096, 4096 + 4, 8192 - 4, 8192, 8192 + 4])(
    'binds tensors in cuts of %i bytes',
    async (bytes) => {
      await checkDispatch(await limited({ maxStorageBufferBindingSize: bytes }), sizes);
    },
  );

  it.each([1, 3, 5])('cuts rows of %i bytes, which are no whole words', async (hidden) => {
    const backend = await limited({ maxStorageBufferBindingSize: 1024 });
    await checkDispatch(backend, { tokens: 700, hidden, experts: 8, topK: 2, dtype: 'uint8' });
  });

  it.each([7, 8, 9, 95, 96, 97])(
    'folds a grid of %i workgroups and a few, 10 a dimension',
    async (tokens) => {
      const backend = await limited({ maxComputeWorkgroupsPerDimension: 10 });
      // Rows this wide take a workgroup per token; one more writes the offsets, and one for each 32 tokens weighs.
      const check = checkDispatch(backend, { tokens, hidden: 32768, experts: 4, topK: 1, dtype: 'bfloat16' });
      if (tokens < 97) await check;
      else
        await expect(check).rejects.toThrow(
          'at most maxComputeWorkgroupsPerDimension² = 100, found a request of 102',
        );
    },
  );

  it.each([127, 128, 129, 255, 256, 257])('works with workgroups of %i threads at most', async (threads) => {
    const backend = await limited({
      maxComputeInvocationsPerWorkgroup: threads,
      maxComputeWorkgroupSizeX: threads,
    });
    const { executor } = contractOf(backend as never) as unknown as WebGpuContract;
    expect(executor.context.workgroupSize).toBe(threads < 128 ? 64 : threads < 256 ? 128 : 256);
    await checkDispatch(backend, sizes);
  });

  it('places the rows of two tokens with more choices than a small workgroup has threads', async () => {
    const backend = await limited({ maxComputeInvocationsPerWorkgroup: 32, maxComputeWorkgroupSizeX: 32 });
    await checkDispatch(backend, { tokens: 65, hidden: 1, experts: 64, topK: 32 });
  });

  it.each([5119, 5120, 5121, 6143, 6144, 6145, 16383, 16384, 16385])(
    'works with %i bytes of workgroup memory',
    async (bytes) => {
      await checkDispatch(await limited({ maxComputeWorkgroupStorageSize: bytes }), {
        ...sizes,
        tokens: 5000,
      });
    },
  );

  it.each([6, 7, 8])('wants 7 storage buffers a stage, of %i', async (buffers) => {
    const create = limited({ maxStorageBuffersPerShaderStage: buffers });
    if (buffers >= 7) await checkDispatch(await create, sizes);
    else await expect(create).rejects.toThrow(BackendUnavailableError);
  });

  it.each([-4, 0, 4])('names the limit for a tensor %i bytes beyond the largest', async (beyond) => {
    const backend = await limited({ maxBufferSize: 65536 });
    const shape = [(65536 + beyond) / 4];
    if (beyond <= 0) backend.empty(shape, 'float32').dispose();
    else
      expect(() => backend.empty(shape, 'float32')).toThrow(
        /at most maxTensorBytes = 65536.*found a request of 65540/,
      );
    expect(backend.memory().liveTensors).toBe(0);
  });

  // Buffers are rounded up to 256 bytes.
  it.each([65540, 268435460, 2 ** 32 - 4])(
    'refuses a tensor that only rounded up exceeds a buffer of %i bytes',
    async (bytes) => {
      const maximum = bytes - (bytes % 256);
      const backend = await limited({ maxBufferSize: bytes });
      expect(backend.info.limits.maxTensorBytes).toBe(maximum);
      expect(() => backend.empty([bytes], 'uint8')).toThrow(
        expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
      );
      if (bytes < 2 ** 20) backend.empty([maximum], 'uint8').dispose();
      await backend.settled();
    },
  );

  it.each([-1, 0, 1])('routes %i experts beyond the most', async (beyond) => {
    const backend = await limited({ maxStorageBufferBindingSize: 4096 });
    const most = backend.info.limits.maxExperts;
    const experts = { tokens: 3, hidden: 4, experts: most + beyond, topK: 2 };
    if (beyond <= 0) await checkDispatch(backend, experts);
    else await expect(checkDispatch(backend, experts)).rejects.toThrow(`maxExperts = ${most}`);
  });

  it('makes one buffer for the uniforms of hundreds of launches', async () => {
    const limits = { maxStorageBufferBindingSize: 1024 };
    const { device: counted, counts } = countedDevice(limitedDevice(device, { limits }));
    const backend = await webgpu({ device: counted }).create();
    const buffers = counts.buffers;
    await checkDispatch(backend, { tokens: 200, hidden: 16, experts: 8, topK: 2 });
    expect(counts.buffers - buffers).toBeLessThan(100);
  });

  it('refuses outputs over a limit before any work, and takes the next call', async () => {
    const backend = await limited({ maxBufferSize: 8192 });
    const x = backend.empty([64, 32], 'float32');
    const gating = backend.empty([64, 8], 'float32');
    expect(() => moeDispatch(x, gating, { moeTopk: 2 })).toThrow(ResourceError);
    expect(backend.memory().liveTensors).toBe(2);
    await checkDispatch(backend, sizes);
  });
});
