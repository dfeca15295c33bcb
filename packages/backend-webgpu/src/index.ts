/// <reference types="@webgpu/types" />
/**
 * The WebGPU backend.
 * @module @moe-dispatch/backend-webgpu
 */
export { type WebGpuOptions, webgpu } from './webgpu.js';
export { WebGpuBackend, type WrapOptions } from './webgpu-backend.js';
export { WebGpuPreparedDispatch } from './webgpu-prepared.js';
export { WebGpuTensor } from './webgpu-tensor.js';
