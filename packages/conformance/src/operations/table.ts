import type { DType } from '@moe-dispatch/core';

export type OperationName = 'moeDispatch' | 'routeTokens' | 'planDispatch' | 'permuteRows' | 'moeReduce';

/** T, D, E and K of a call; 0 if its operation has no such size. */
export interface Sizes {
  readonly tokens: number;
  readonly hidden: number;
  readonly numExperts: number;
  readonly topK: number;
}

interface TensorRow {
  /** `rows`: the call's own dtype. */
  readonly dtype: DType | 'rows';
  shape(sizes: Sizes): number[];
}

export const TENSORS = {
  x: { dtype: 'rows', shape: ({ tokens, hidden }) => [tokens, hidden] },
  gatingOutput: { dtype: 'float32', shape: ({ tokens, numExperts }) => [tokens, numExperts] },
  permuteInput: { dtype: 'rows', shape: ({ tokens, hidden, topK }) => [topK * tokens, hidden] },
  tokenNumsPerExpert: { dtype: 'int64', shape: ({ numExperts }) => [numExperts] },
  expertOffsets: { dtype: 'int32', shape: ({ numExperts }) => [numExperts + 1] },
  permuteIndicesPerToken: { dtype: 'int32', shape: ({ tokens, topK }) => [topK, tokens] },
  expertScalesFloat: { dtype: 'float32', shape: ({ tokens, topK }) => [tokens, topK] },
  topKIndices: { dtype: 'int32', shape: ({ tokens, topK }) => [tokens, topK] },
  ffnOut: { dtype: 'rows', shape: ({ tokens, hidden, topK }) => [topK * tokens, hidden] },
  ffn2Bias: { dtype: 'rows', shape: ({ numExperts, hidden }) => [numExperts, hidden] },
  output: { dtype: 'rows', shape: ({ tokens, hidden }) => [tokens, hidden] },
} satisfies Record<string, TensorRow>;

export type TensorName = keyof typeof TENSORS;

interface OperationRow {
  readonly inputs: readonly TensorName[];
  readonly optional: readonly TensorName[];
  readonly outputs: readonly TensorName[];
}

export const OPERATIONS: { readonly [Op in OperationName]: OperationRow } = {
  moeDispatch: {
    inputs: ['x', 'gatingOutput'],
    optional: [],
    outputs: [
      'permuteInput',
      'tokenNumsPerExpert',
      'expertOffsets',
      'permuteIndicesPerToken',
      'expertScalesFloat',
      'topKIndices',
    ],
  },
  routeTokens: { inputs: ['gatingOutput'], optional: [], outputs: ['expertScalesFloat', 'topKIndices'] },
  planDispatch: {
    inputs: ['topKIndices'],
    optional: [],
    outputs: ['tokenNumsPerExpert', 'expertOffsets', 'permuteIndicesPerToken'],
  },
  permuteRows: { inputs: ['x', 'permuteIndicesPerToken'], optional: [], outputs: ['permuteInput'] },
  moeReduce: {
    inputs: ['ffnOut', 'expertScalesFloat', 'permuteIndicesPerToken', 'topKIndices'],
    optional: ['ffn2Bias'],
    outputs: ['output'],
  },
};
