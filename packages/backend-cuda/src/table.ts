/* A stand-in for core's table of operations. */

export const SIZES = ['tokens', 'hidden', 'numExperts', 'topK'] as const;
export const ROUTERS = ['softmax', 'group', 'topk-only'] as const;
export const TENSORS = {
  x: { dtype: 'rows' },
  gatingOutput: { dtype: 'float32' },
  permuteInput: { dtype: 'rows' },
  tokenNumsPerExpert: { dtype: 'int64' },
  expertOffsets: { dtype: 'int32' },
  permuteIndicesPerToken: { dtype: 'int32' },
  expertScalesFloat: { dtype: 'float32' },
  topKIndices: { dtype: 'int32' },
  ffnOut: { dtype: 'rows' },
  ffn2Bias: { dtype: 'rows' },
  output: { dtype: 'rows' },
} as const;
type TensorName = keyof typeof TENSORS;
interface Entry {
  readonly inputs: readonly TensorName[];
  readonly optional: readonly TensorName[];
  readonly outputs: readonly TensorName[];
  readonly attributes: readonly string[];
  readonly rows: 'any' | 'float' | 'none';
}
const PLAN = ['tokenNumsPerExpert', 'expertOffsets', 'permuteIndicesPerToken'] as const;
export const OPERATIONS = {
  moeDispatch: {
    inputs: ['x', 'gatingOutput'],
    optional: [],
    outputs: ['permuteInput', ...PLAN, 'expertScalesFloat', 'topKIndices'],
    attributes: ['router'],
    rows: 'any',
  },
  routeTokens: {
    inputs: ['gatingOutput'],
    optional: [],
    outputs: ['expertScalesFloat', 'topKIndices'],
    attributes: ['router'],
    rows: 'none',
  },
  planDispatch: { inputs: ['topKIndices'], optional: [], outputs: [...PLAN], attributes: [], rows: 'none' },
  permuteRows: {
    inputs: ['x', 'permuteIndicesPerToken'],
    optional: [],
    outputs: ['permuteInput'],
    attributes: [],
    rows: 'any',
  },
  moeReduce: {
    inputs: ['ffnOut', 'expertScalesFloat', 'permuteIndicesPerToken', 'topKIndices'],
    optional: ['ffn2Bias'],
    outputs: ['output'],
    attributes: ['normTopkProb', 'routedScalingFactor'],
    rows: 'float',
  },
} satisfies Record<string, Entry>;
