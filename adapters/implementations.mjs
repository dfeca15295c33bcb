// The implementations in JavaScript: each an export of a file, and the package whose version is pinned in package.json.
export const IMPLEMENTATIONS = [
  {
    name: 'onnxruntime-node-moe',
    file: 'onnxruntime-node',
    make: 'moe',
    fused: true,
    packages: ['onnxruntime-node'],
  },
  {
    name: 'onnxruntime-node-qmoe',
    file: 'onnxruntime-node',
    make: 'qmoe',
    fused: true,
    packages: ['onnxruntime-node'],
  },
  {
    name: 'onnxruntime-web-wasm-moe',
    file: 'onnxruntime-web-wasm',
    make: 'moe',
    fused: true,
    packages: ['onnxruntime-web'],
  },
  {
    name: 'onnxruntime-web-wasm-qmoe',
    file: 'onnxruntime-web-wasm',
    make: 'qmoe',
    fused: true,
    packages: ['onnxruntime-web'],
  },
  {
    name: 'onnxruntime-web-chromium-qmoe',
    file: 'onnxruntime-web-chromium',
    make: 'qmoe',
    fused: true,
    packages: ['onnxruntime-web'],
  },
  {
    name: 'onnxruntime-web-dawn-qmoe',
    file: 'onnxruntime-web-dawn',
    make: 'qmoe',
    fused: true,
    packages: ['onnxruntime-web', 'webgpu'],
  },
  { name: 'tfjs-cpu', file: 'tfjs', make: 'cpu', packages: ['@tensorflow/tfjs-backend-cpu'] },
  { name: 'tfjs-wasm', file: 'tfjs', make: 'wasm', packages: ['@tensorflow/tfjs-backend-wasm'] },
];
