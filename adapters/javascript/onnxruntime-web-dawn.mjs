// onnxruntime-web 1.30.0: the fused operator QMoE on WebGPU in Node, through Dawn (webgpu 0.6.2).
import { readFile } from 'node:fs/promises';
import { fusedBackend } from '@moe-dispatch/conformance';
import { create, globals } from 'webgpu';
import { executeWith, onnxMoe } from '../onnx-moe.mjs';

export const qmoe = () => ({
  name: 'onnxruntime-web-dawn-qmoe',
  async create() {
    const gpu = create([]);
    Object.assign(globalThis, globals);
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
    copySharedMemory(globals.GPUQueue.prototype);
    const { info } = (await gpu.requestAdapter()) ?? {};
    if (info === undefined) throw new Error('no WebGPU adapter');
    // Not by the package's name: that bundle does not start in Node.
    const dist = new URL('../node_modules/onnxruntime-web/dist/', import.meta.url);
    const ort = await import(new URL('ort.webgpu.min.mjs', dist).href);
    ort.env.wasm.wasmBinary = await readFile(new URL('ort-wasm-simd-threaded.asyncify.wasm', dist));
    const execute = executeWith(ort, { executionProviders: ['webgpu'] });
    const device = `${info.device || info.description} through Dawn`;
    return fusedBackend(onnxMoe('QMoE', { name: this.name, device, execute })).create();
  },
});

/** Dawn's writeBuffer refuses views of shared memory, which WebAssembly with threads has. */
function copySharedMemory(queue) {
  const { writeBuffer } = queue;
  queue.writeBuffer = function (buffer, offset, data, from, size) {
    const shared = (data.buffer ?? data) instanceof SharedArrayBuffer;
    const source = shared
      ? ArrayBuffer.isView(data)
        ? data.slice()
        : new Uint8Array(data).slice().buffer
      : data;
    return writeBuffer.call(this, buffer, offset, source, from, size);
  };
}
