import type { CpuBackend } from '@moe-dispatch/backend-cpu';
import {
  float32ToBfloat16,
  float32ToFloat16,
  moeDispatch,
  prepare,
  prepareDispatch,
  type RouterOptions,
} from '@moe-dispatch/core';
import type { Case, FloatDType } from './cpu-cases.js';
import { gatingValues, type Shape } from './shapes.js';

function inDType(values: Float32Array, dtype: FloatDType) {
  if (dtype === 'float32') return values;
  return dtype === 'float16' ? float32ToFloat16(values) : float32ToBfloat16(values);
}

/** The rows x of every piece of work of this size. */
export function rowValues({ tokens, hidden }: Shape): Float32Array {
  return Float32Array.from({ length: tokens * hidden }, (_, i) => ((i * 7919) % 1999) / 1000 - 1);
}

/** Prepared runs of a backend, their tensors in its own memory. */
export function workOf(backend: CpuBackend, { size, dtype, biased }: Case) {
  const { tokens, hidden, numExperts, topK } = size;
  const x = backend.tensor(inDType(rowValues(size), dtype), [tokens, hidden], dtype);
  const gating = backend.tensor(gatingValues(size), [tokens, numExperts], 'float32');
  const biases = Float32Array.from({ length: numExperts }, (_, i) => ((i * 37) % 11) / 100);
  const eScoreCorrectionBias = backend.tensor(biases, [numExperts], 'float32');
  const router: RouterOptions = biased ? { router: { topK, scoringFunc: 'sigmoid' } } : { moeTopk: topK };
  const given = biased ? { eScoreCorrectionBias } : {};
  const tensors = biased ? (['eScoreCorrectionBias'] as const) : [];
  const out = moeDispatch(x, gating, { ...router, ...given });
  const dispatch = prepareDispatch(backend, { tokens, hidden, numExperts, dtype, ...router, tensors });
  const route = prepare(backend, 'routeTokens', { tokens, numExperts, ...router, tensors });
  const plan = prepare(backend, 'planDispatch', { tokens, numExperts, moeTopk: topK });
  const move = prepare(backend, 'permuteRows', { tokens, hidden, moeTopk: topK, dtype });
  const reduce = prepare(backend, 'moeReduce', { tokens, hidden, moeTopk: topK, dtype });
  const sums = reduce.outputs();
  const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
  return {
    out,
    sums,
    dispatch: () => dispatch.run(x, gating, out, given),
    // The three stages of a dispatch by themselves.
    route: () => route.run(gating, out, given),
    plan: () => plan.run(topKIndices, out),
    move: () => move.run(x, permuteIndicesPerToken, out),
    reduce: () =>
      reduce.run(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, null, sums),
    dispose() {
      for (const thing of [x, gating, eScoreCorrectionBias, sums, out, dispatch, reduce, route, plan, move])
        thing.dispose();
    },
  };
}
