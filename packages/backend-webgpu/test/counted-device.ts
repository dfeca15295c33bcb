import { forward } from './limited-device.js';

/** Counts the buffers that a device makes, and the submits to its queue. */
export function countedDevice(device: GPUDevice): {
  device: GPUDevice;
  counts: { buffers: number; submits: number };
} {
  const counts = { buffers: 0, submits: 0 };
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
  return { device: forward(device, { queue, createBuffer }), counts };
}
