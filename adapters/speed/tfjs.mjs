// tfjs 4.22.0 in WebAssembly SIMD: a dispatch and a reduce of its operators, for `pnpm bench:cpu --peers`.
import { createRequire } from 'node:module';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

export const title = 'tfjs 4.22.0, WebAssembly, up to 16384 choices';
/** 98304 of 1024 elements did not end in five minutes. */
export const mostChoices = 2 ** 14;

const { resolve } = createRequire(import.meta.url);
setWasmPaths(resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm').replace(/[^/]+$/, ''));

export async function make(call) {
  await tf.setBackend('wasm');
  const { tokens, hidden, numExperts, topK } = call;
  const count = tokens * topK;
  const tensor = (data, dims, dtype = 'float32') => tf.tensor(data.slice(), dims, dtype);
  const gating = tensor(call.gating, [tokens, numExperts]);
  const x = tensor(call.x, [tokens, hidden]);
  // Choices (t, k) are numbered t·K + k. The largest keys are those of the first experts and the least numbers.
  const numbers = tf.reshape(tf.range(0, count, 1, 'int32'), [tokens, topK]);
  const size = tf.scalar(count, 'int32');
  const k = tf.scalar(topK, 'int32');
  const rows = tensor(call.permuteInput, [count, hidden]);
  const rowOf = (_, i) => call.permuteIndicesPerToken[(i % topK) * tokens + Math.floor(i / topK)];
  const map = tensor(Int32Array.from({ length: count }, rowOf), [count], 'int32');
  const weights = tensor(call.expertScalesFloat, [tokens, 1, topK]);

  const dispatch = () =>
    tf.tidy(() => {
      const { indices } = tf.topk(tf.softmax(gating), topK);
      const keys = tf.reshape(tf.neg(tf.add(tf.mul(indices, size), numbers)), [count]);
      const places = tf.topk(keys, count).indices;
      return tf.gather(x, tf.floorDiv(places, k));
    });
  const reduce = () =>
    tf.tidy(() => {
      const own = tf.reshape(tf.gather(rows, map), [tokens, topK, hidden]);
      return tf.reshape(tf.matMul(weights, own), [tokens, hidden]);
    });
  const read = (result) => {
    const data = result.dataSync().slice();
    result.dispose();
    return data;
  };
  return {
    dispatch: () => dispatch().dispose(),
    reduce: () => reduce().dispose(),
    results: async () => ({ permuteInput: read(dispatch()), output: read(reduce()) }),
    dispose: () => tf.dispose([gating, x, numbers, size, k, rows, map, weights]),
  };
}
