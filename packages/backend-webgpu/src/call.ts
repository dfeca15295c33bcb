import type { DType, Routing as Router } from '@moe-dispatch/core';

// To be core's: the table of operations.

export interface Sizes {
  readonly tokens: number;
  readonly hidden: number;
  readonly numExperts: number;
  readonly topK: number;
}

interface Inputs {
  moeDispatch: 'x' | 'gatingOutput';
  routeTokens: 'gatingOutput';
  planDispatch: 'topKIndices';
  permuteRows: 'x' | 'permuteIndicesPerToken';
  moeReduce: 'ffnOut' | 'expertScalesFloat' | 'permuteIndicesPerToken' | 'topKIndices';
}
interface Outputs {
  moeDispatch:
    | 'permuteInput'
    | 'tokenNumsPerExpert'
    | 'expertOffsets'
    | 'permuteIndicesPerToken'
    | 'expertScalesFloat'
    | 'topKIndices';
  routeTokens: 'expertScalesFloat' | 'topKIndices';
  planDispatch: 'tokenNumsPerExpert' | 'expertOffsets' | 'permuteIndicesPerToken';
  permuteRows: 'permuteInput';
  moeReduce: 'output';
}
interface Attributes<T> {
  moeDispatch: { readonly router: Router };
  routeTokens: { readonly router: Router };
  planDispatch: object;
  permuteRows: object;
  moeReduce: {
    readonly normTopkProb: boolean;
    readonly routedScalingFactor: number;
    readonly ffn2Bias: T | null;
  };
}

export type OperationName = keyof Inputs;
export type TensorName = Inputs[OperationName] | Outputs[OperationName] | 'ffn2Bias';
export type Spec<Op extends OperationName> = Sizes & { readonly dtype: DType } & Attributes<unknown>[Op];
export type Call<Op extends OperationName, T> = Sizes & { readonly dtype: DType } & Attributes<T>[Op] & {
    readonly [Name in Inputs[Op] | Outputs[Op]]: T;
  };

export const INPUTS: { readonly [Op in OperationName]: readonly TensorName[] } = {
  moeDispatch: ['x', 'gatingOutput'],
  routeTokens: ['gatingOutput'],
  planDispatch: ['topKIndices'],
  permuteRows: ['x', 'permuteIndicesPerToken'],
  moeReduce: ['ffnOut', 'expertScalesFloat', 'permuteIndicesPerToken', 'topKIndices', 'ffn2Bias'],
};
export const OUTPUTS: { readonly [Op in OperationName]: readonly TensorName[] } = {
  moeDispatch: [
    'permuteInput',
    'tokenNumsPerExpert',
    'expertOffsets',
    'permuteIndicesPerToken',
    'expertScalesFloat',
    'topKIndices',
  ],
  routeTokens: ['expertScalesFloat', 'topKIndices'],
  planDispatch: ['tokenNumsPerExpert', 'expertOffsets', 'permuteIndicesPerToken'],
  permuteRows: ['permuteInput'],
  moeReduce: ['output'],
};

type Shape = (sizes: Sizes) => readonly number[];
export const TENSORS: {
  readonly [Name in TensorName]: { readonly dtype: DType | 'rows'; readonly shape: Shape };
} = {
  x: { dtype: 'rows', shape: ({ tokens, hidden }) => [tokens, hidden] },
  gatingOutput: { dtype: 'float32', shape: ({ tokens, numExperts }) => [tokens, numExperts] },
  permuteInput: { dtype: 'rows', shape: ({ tokens, topK, hidden }) => [tokens * topK, hidden] },
  tokenNumsPerExpert: { dtype: 'int64', shape: ({ numExperts }) => [numExperts] },
  expertOffsets: { dtype: 'int32', shape: ({ numExperts }) => [numExperts + 1] },
  permuteIndicesPerToken: { dtype: 'int32', shape: ({ tokens, topK }) => [topK, tokens] },
  expertScalesFloat: { dtype: 'float32', shape: ({ tokens, topK }) => [tokens, topK] },
  topKIndices: { dtype: 'int32', shape: ({ tokens, topK }) => [tokens, topK] },
  ffnOut: { dtype: 'rows', shape: ({ tokens, topK, hidden }) => [tokens * topK, hidden] },
  ffn2Bias: { dtype: 'rows', shape: ({ numExperts, hidden }) => [numExperts, hidden] },
  output: { dtype: 'rows', shape: ({ tokens, hidden }) => [tokens, hidden] },
};
