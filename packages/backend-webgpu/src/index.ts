/// <reference types="@webgpu/types" />
/**
 * The WebGPU backend.
 * @module @moe-dispatch/backend-webgpu
 */
export { type WebGpuOptions, webgpu } from './webgpu.js';
export { WebGpuBackend } from './webgpu-backend.js';
export { WebGpuPrepared } from './webgpu-prepared.js';
export { WebGpuTensor } from './webgpu-tensor.js';
