// tfjs 4.22.0: softmax, topk and gather, on its CPU and WebAssembly backends.
import { createRequire } from 'node:module';
import { routingBackend } from '@moe-dispatch/conformance';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

const resolve = createRequire(import.meta.url).resolve;

async function create(name, backend, device) {
  setWasmPaths(resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm').replace(/[^/]+$/, ''));
  await tf.setBackend(backend);
  const router = { scoringFunc: 'softmax', normTopkProb: true };
  return routingBackend({ name, device, maxExperts: 65536, router, route }).create();
}

function route({ tokens, numExperts, topK, logits }) {
  const [topKIndices, expertScalesFloat] = tf.tidy(() => {
    const scores = tf.softmax(tf.tensor2d(logits, [tokens, numExperts]));
    const { indices } = tf.topk(scores, topK);
    const rows = tf.mul(tf.expandDims(tf.range(0, tokens, 1, 'int32'), 1), tf.scalar(numExperts, 'int32'));
    const places = tf.reshape(tf.add(indices, rows), [-1]);
    const chosen = tf.reshape(tf.gather(tf.reshape(scores, [-1]), places), [tokens, topK]);
    return [indices.dataSync(), tf.div(chosen, tf.sum(chosen, 1, true)).dataSync()];
  });
  return {
    topKIndices: Int32Array.from(topKIndices),
    expertScalesFloat: Float32Array.from(expertScalesFloat),
  };
}

export const cpu = () => ({ name: 'tfjs-cpu', create: () => create('tfjs-cpu', 'cpu', 'CPU') });
export const wasm = () => ({ name: 'tfjs-wasm', create: () => create('tfjs-wasm', 'wasm', 'WebAssembly') });
