import { forward } from './limited-device.js';

/** Counts the buffers and pipelines that a device makes, and the submits to its queue. */
export function countedDevice(device: GPUDevice): {
  device: GPUDevice;
  counts: { buffers: number; pipelines: number; submits: number };
} {
  const counts = { buffers: 0, pipelines: 0, submits: 0 };
  const queue = forward(device.queue, {
    submit: (commands: GPUCommandBuffer[]) => {
      counts.submits += 1;
      device.queue.submit(commands);
    },
  });
  const createBuffer = (descriptor: GPUBufferDescriptor) => {
    counts.buffers += 1;
    return device.createBuffer(descriptor);
  };
  const createComputePipeline = (descriptor: GPUComputePipelineDescriptor) => {
    counts.pipelines += 1;
    return device.createComputePipeline(descriptor);
  };
  const createComputePipelineAsync = (descriptor: GPUComputePipelineDescriptor) => {
    counts.pipelines += 1;
    return device.createComputePipelineAsync(descriptor);
  };
  const overrides = { queue, createBuffer, createComputePipeline, createComputePipelineAsync };
  return { device: forward(device, overrides), counts };
}
