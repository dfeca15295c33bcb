import { expect, it } from 'vitest';
import { STORAGE_USAGE } from '../src/buffer-pool.js';
import { Faults } from '../src/faults.js';
import { Programs } from '../src/programs.js';
import { readBack } from '../src/read-back.js';
import { allKernels } from './all-modules.js';
import { newDefaultDevice } from './require-gpu.js';

const BYTES = 256;
const WORKGROUP = 64;
const device = await newDefaultDevice();
const faults = new Faults(device);
const programs = new Programs(device, faults, WORKGROUP, false);

const kernels = allKernels(WORKGROUP).filter(({ subgroups }) => !subgroups);
/** The last variant of each file: that with everything. */
const files = new Map(kernels.map((kernel) => [kernel.id.split(' ')[0], kernel]));

it.each([...files.values()])('$id does nothing if all its params are 0', async (kernel) => {
  const program = programs.get(kernel, []);
  const uniforms = device.createBuffer({ size: BYTES, usage: 0x40 });
  const storage = Object.keys(kernel.storage).map(() => {
    const buffer = device.createBuffer({ size: BYTES, usage: STORAGE_USAGE });
    device.queue.writeBuffer(buffer, 0, new Uint8Array(BYTES).fill(0xab));
    return buffer;
  });
  const entries = [uniforms, ...storage].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(program.pipeline());
  pass.setBindGroup(0, device.createBindGroup({ layout: program.layout, entries }));
  pass.dispatchWorkgroups(2);
  pass.end();
  device.queue.submit([encoder.finish()]);
  for (const buffer of storage) {
    const bytes = new Uint8Array(await readBack(device, { buffer, byteOffset: 0, byteLength: BYTES }));
    expect(bytes.every((byte) => byte === 0xab)).toBe(true);
  }
  await faults.settled();
});
