// onnxruntime-node 1.30.0: the fused operators MoE and QMoE on the CPU.
import { fusedBackend } from '@moe-dispatch/conformance';
import * as ort from 'onnxruntime-node';
import { executeWith, onnxMoe } from '../onnx-moe.mjs';

const runtime = { device: 'CPU', execute: executeWith(ort, { executionProviders: ['cpu'] }) };

export const moe = () => fusedBackend(onnxMoe('MoE', { name: 'onnxruntime-node-moe', ...runtime }));
export const qmoe = () => fusedBackend(onnxMoe('QMoE', { name: 'onnxruntime-node-qmoe', ...runtime }));
