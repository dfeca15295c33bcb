// onnxruntime-web 1.30.0: the fused operators MoE and QMoE in WebAssembly.
import { fusedBackend } from '@moe-dispatch/conformance';
import * as ort from 'onnxruntime-web';
import { executeWith, onnxMoe } from '../onnx-moe.mjs';

const runtime = { device: 'WebAssembly', execute: executeWith(ort, { executionProviders: ['wasm'] }) };

export const moe = () => fusedBackend(onnxMoe('MoE', { name: 'onnxruntime-web-wasm-moe', ...runtime }));
export const qmoe = () => fusedBackend(onnxMoe('QMoE', { name: 'onnxruntime-web-wasm-qmoe', ...runtime }));
