import type { GpuTimer } from './webgpu-timer.js';

const GROUP = 256;
/** Vectors of 16 bytes that a thread copies, a workgroup's width apart: the fastest counts. */
const EACH = [1, 2, 4, 8];

const copyShader = (each: number) => `
@group(0) @binding(0) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> copy: array<vec4<u32>>;
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32) {
  let first = (group.y * groups.x + group.x) * ${GROUP * each}u + thread;
  for (var i = 0u; i < ${each}u; i++) {
    let at = first + i * ${GROUP}u;
    if (at < arrayLength(&source)) { copy[at] = source[at]; }
  }
}`;

/**
 * Bytes read and written per µs by a plain vec4<u32> copy shader: the floor that kernels are held against. The copy
 * stays the timer's load.
 */
export async function copyRate(device: GPUDevice, timer: GpuTimer, maxBytes: number): Promise<number> {
  const { maxStorageBufferBindingSize } = device.limits;
  const size = 2 ** Math.floor(Math.log2(Math.min(maxBytes, maxStorageBufferBindingSize)));
  // STORAGE | COPY_DST
  const buffers = [0, 1].map(() => device.createBuffer({ size, usage: 0x80 | 0x8 }));
  const copies = EACH.map((each) => recordCopy(device, buffers, each));
  await timer.loadWith(copies[0]);
  let fastest = Number.POSITIVE_INFINITY;
  for (const copy of copies) fastest = Math.min(fastest, await timer.time(copy));
  return (2 * size) / fastest;
}

function recordCopy(device: GPUDevice, buffers: readonly GPUBuffer[], each: number) {
  const module = device.createShaderModule({ code: copyShader(each) });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const layout = pipeline.getBindGroupLayout(0);
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const bindGroup = device.createBindGroup({ layout, entries });
  const groups = Math.ceil(buffers[0].size / 16 / (GROUP * each));
  const x = Math.min(groups, device.limits.maxComputeWorkgroupsPerDimension);
  return (encoder: GPUCommandEncoder, descriptor: GPUComputePassDescriptor | undefined): void => {
    const pass = encoder.beginComputePass(descriptor);
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(x, Math.ceil(groups / x));
    pass.end();
  };
}
