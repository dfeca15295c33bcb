// onnxruntime-node 1.30.0: a dispatch and a reduce of ONNX's operators, for `pnpm bench:cpu --peers`.
import * as ort from 'onnxruntime-node';
import { onnxModel } from '../onnx-model.mjs';

export const title = 'onnxruntime-node 1.30.0, 2 threads';

const node = (operator, inputs, outputs, attributes) => ({ operator, inputs, outputs, attributes });

// Choices (t, k) are numbered t·K + k. A key is expert · K·T + number: sorted keys are choices in the order of their rows.
const DISPATCH = onnxModel(
  [
    node('Softmax', ['gating'], ['scores'], { axis: 1 }),
    node('TopK', ['scores', 'topK'], ['weights', 'experts'], { axis: 1 }),
    node('Mul', ['experts', 'count'], ['groups']),
    node('Add', ['groups', 'numbers'], ['unsorted']),
    node('Reshape', ['unsorted', 'count'], ['keys']),
    node('TopK', ['keys', 'count'], ['sorted', 'places'], { axis: 0, largest: 0 }),
    node('Div', ['places', 'topK'], ['tokens']),
    node('Gather', ['x', 'tokens'], ['rows'], { axis: 0 }),
  ],
  { gating: 'float32', topK: 'int64', count: 'int64', numbers: 'int64', x: 'float32' },
  { weights: 'float32', experts: 'int64', rows: 'float32' },
);
const REDUCE = onnxModel(
  [node('Gather', ['rows', 'map'], ['own'], { axis: 0 }), node('MatMul', ['weights', 'own'], ['sums'])],
  { rows: 'float32', map: 'int64', weights: 'float32' },
  { sums: 'float32' },
);

export async function make(call) {
  const { tokens, hidden, numExperts, topK, threads } = call;
  const options = { executionProviders: ['cpu'], intraOpNumThreads: threads };
  const dispatch = await ort.InferenceSession.create(DISPATCH, options);
  const reduce = await ort.InferenceSession.create(REDUCE, options);
  const count = tokens * topK;
  const floats = (data, dims) => new ort.Tensor('float32', data.slice(), dims);
  const integers = (length, at, dims) =>
    new ort.Tensor(
      'int64',
      BigInt64Array.from({ length }, (_, i) => BigInt(at(i))),
      dims,
    );
  const dispatched = {
    gating: floats(call.gating, [tokens, numExperts]),
    topK: integers(1, () => topK, [1]),
    count: integers(1, () => count, [1]),
    numbers: integers(count, (i) => i, [tokens, topK]),
    x: floats(call.x, [tokens, hidden]),
  };
  const rowOf = (i) => call.permuteIndicesPerToken[(i % topK) * tokens + Math.floor(i / topK)];
  const reduced = {
    rows: floats(call.permuteInput, [count, hidden]),
    map: integers(count, rowOf, [tokens, topK]),
    weights: floats(call.expertScalesFloat, [tokens, 1, topK]),
  };
  return {
    dispatch: () => dispatch.run(dispatched),
    reduce: () => reduce.run(reduced),
    async results() {
      const { rows } = await dispatch.run(dispatched);
      const { sums } = await reduce.run(reduced);
      return { permuteInput: rows.data, output: sums.data };
    },
    async dispose() {
      await dispatch.release();
      await reduce.release();
    },
  };
}
