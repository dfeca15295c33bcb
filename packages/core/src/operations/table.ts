import type { DType } from '../dtypes.js';
import { ROUTERS } from '../router.js';

/*
 * The one table of operations. Types of calls, allocation and checks of outputs, overlap checks, disposal, prepared
 * operations, the suite's poisoned outputs, the argument block of native calls and FEATURES.md all follow from it.
 */

/** What shapes are made of. A size that an operation does not have is 0. */
export interface Sizes {
  /** T: tokens. */
  tokens: number;
  /** D: elements in a token's row. */
  hidden: number;
  /** E: experts. */
  numExperts: number;
  /** K: choices of each token. */
  topK: number;
}

/** One tensor of the table. It means the same in every operation that has it. */
export interface TensorEntry {
  /** `rows`: the dtype of the rows that the operation moves or sums. */
  readonly dtype: DType | 'rows';
  /** Its shape for these sizes. */
  readonly shape: (sizes: Sizes) => number[];
}

const tensors = {
  x: { dtype: 'rows', shape: ({ tokens, hidden }) => [tokens, hidden] },
  gatingOutput: { dtype: 'float32', shape: ({ tokens, numExperts }) => [tokens, numExperts] },
  permuteInput: { dtype: 'rows', shape: ({ tokens, topK, hidden }) => [topK * tokens, hidden] },
  tokenNumsPerExpert: { dtype: 'int64', shape: ({ numExperts }) => [numExperts] },
  expertOffsets: { dtype: 'int32', shape: ({ numExperts }) => [numExperts + 1] },
  permuteIndicesPerToken: { dtype: 'int32', shape: ({ tokens, topK }) => [topK, tokens] },
  expertScalesFloat: { dtype: 'float32', shape: ({ tokens, topK }) => [tokens, topK] },
  topKIndices: { dtype: 'int32', shape: ({ tokens, topK }) => [tokens, topK] },
  ffnOut: { dtype: 'rows', shape: ({ tokens, topK, hidden }) => [topK * tokens, hidden] },
  ffn2Bias: { dtype: 'rows', shape: ({ numExperts, hidden }) => [numExperts, hidden] },
  output: { dtype: 'rows', shape: ({ tokens, hidden }) => [tokens, hidden] },
} satisfies Record<string, TensorEntry>;

/** The name of a tensor, in every operation that has it. */
export type TensorName = keyof typeof tensors;

/** Every tensor that operations read and write, by the name that it has in each. */
export const TENSORS: { readonly [Name in TensorName]: TensorEntry } = tensors;

/** Every attribute: its values, or their kind. */
export const ATTRIBUTES = {
  router: ROUTERS,
  normTopkProb: 'boolean',
  routedScalingFactor: 'float32',
} as const;

/** The name of an attribute. */
export type AttributeName = keyof typeof ATTRIBUTES;

/** One operation of the table. */
export interface OperationEntry {
  readonly sizes: readonly (keyof Sizes)[];
  /** The dtypes of its rows: any, the floats, or none because it has no rows. */
  readonly rows: 'any' | 'float' | 'none';
  readonly attributes: readonly AttributeName[];
  readonly inputs: readonly TensorName[];
  /** Inputs that may be absent: null in the call. */
  readonly optional: readonly TensorName[];
  readonly outputs: readonly TensorName[];
}

const PLAN = ['tokenNumsPerExpert', 'expertOffsets', 'permuteIndicesPerToken'] as const;
const ROUTING = ['expertScalesFloat', 'topKIndices'] as const;

/** Every operation, by the name of the function that users call. */
export const OPERATIONS = {
  moeDispatch: {
    sizes: ['tokens', 'hidden', 'numExperts', 'topK'],
    rows: 'any',
    attributes: ['router'],
    inputs: ['x', 'gatingOutput'],
    optional: [],
    outputs: ['permuteInput', ...PLAN, ...ROUTING],
  },
  routeTokens: {
    sizes: ['tokens', 'numExperts', 'topK'],
    rows: 'none',
    attributes: ['router'],
    inputs: ['gatingOutput'],
    optional: [],
    outputs: ROUTING,
  },
  planDispatch: {
    sizes: ['tokens', 'numExperts', 'topK'],
    rows: 'none',
    attributes: [],
    inputs: ['topKIndices'],
    optional: [],
    outputs: PLAN,
  },
  permuteRows: {
    sizes: ['tokens', 'hidden', 'topK'],
    rows: 'any',
    attributes: [],
    inputs: ['x', 'permuteIndicesPerToken'],
    optional: [],
    outputs: ['permuteInput'],
  },
  moeReduce: {
    // numExperts: rows of ffn2Bias, 0 without one.
    sizes: ['tokens', 'hidden', 'numExperts', 'topK'],
    rows: 'float',
    attributes: ['normTopkProb', 'routedScalingFactor'],
    inputs: ['ffnOut', 'expertScalesFloat', 'permuteIndicesPerToken', 'topKIndices'],
    optional: ['ffn2Bias'],
    outputs: ['output'],
  },
} as const satisfies Record<string, OperationEntry>;

/** The name of an operation: that of the function that users call. */
export type OperationName = keyof typeof OPERATIONS;

/** moeDispatch is these in a row; a backend that implements them implements it. */
export const STAGES = ['routeTokens', 'planDispatch', 'permuteRows'] as const satisfies OperationName[];
