import { type CpuBackend, cpu } from '@moe-dispatch/backend-cpu';
import { afterAll, beforeAll } from 'vitest';
import { type CudaBackend, cuda } from '../../src/index.js';

/** A backend on the GPU and one on the CPU, from the first test of a file to its last. */
export function bothBackends(): { readonly device: CudaBackend; readonly host: CpuBackend } {
  const both = {} as { device: CudaBackend; host: CpuBackend };
  beforeAll(async () => {
    both.device = await cuda().create();
    both.host = await cpu().create();
  });
  afterAll(() => {
    both.device.dispose();
    both.host.dispose();
  });
  return both;
}
