import type { DType } from '../dtypes.js';
import { DROP_POLICIES, GROUP_SCORE_FUNCS, SCORING_FUNCS, SELECTIONS, ZERO_EXPERT_KINDS } from '../router.js';

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
  /** Of the E experts, the last ones that have no weights and get no rows. */
  zeroExperts: number;
  /** S: shared experts whose scores join the sum of a token's weights. */
  sharedExperts: number;
}

/** Sizes to make shapes of. */
export type ShapeSizes = Omit<Sizes, 'zeroExperts' | 'sharedExperts'> & Partial<Sizes>;

/** One tensor of the table. It means the same in every operation that has it. */
export interface TensorEntry {
  /** `rows`: the dtype of the rows that the operation moves or sums; `gating`: that of the gating. */
  readonly dtype: DType | 'rows' | 'gating';
  /** Its shape for these sizes. */
  readonly shape: (sizes: ShapeSizes) => number[];
}

const tensors = {
  x: { dtype: 'rows', shape: ({ tokens, hidden }) => [tokens, hidden] },
  gatingOutput: { dtype: 'gating', shape: ({ tokens, numExperts }) => [tokens, numExperts] },
  permuteInput: { dtype: 'rows', shape: ({ tokens, topK, hidden }) => [topK * tokens, hidden] },
  tokenNumsPerExpert: {
    dtype: 'int64',
    shape: ({ numExperts, zeroExperts = 0 }) => [numExperts - zeroExperts],
  },
  expertOffsets: {
    dtype: 'int32',
    shape: ({ numExperts, zeroExperts = 0 }) => [numExperts - zeroExperts + 1],
  },
  permuteIndicesPerToken: { dtype: 'int32', shape: ({ tokens, topK }) => [topK, tokens] },
  expertScalesFloat: { dtype: 'float32', shape: ({ tokens, topK }) => [tokens, topK] },
  topKIndices: { dtype: 'int32', shape: ({ tokens, topK }) => [tokens, topK] },
  ffnOut: { dtype: 'rows', shape: ({ tokens, topK, hidden }) => [topK * tokens, hidden] },
  ffn2Bias: { dtype: 'rows', shape: ({ numExperts, hidden }) => [numExperts, hidden] },
  output: { dtype: 'rows', shape: ({ tokens, hidden }) => [tokens, hidden] },
  eScoreCorrectionBias: { dtype: 'float32', shape: ({ numExperts }) => [numExperts] },
  perExpertScale: { dtype: 'float32', shape: ({ numExperts }) => [numExperts] },
  globalScale: { dtype: 'float32', shape: () => [1] },
  sharedLogits: { dtype: 'float32', shape: ({ tokens, sharedExperts = 0 }) => [tokens, sharedExperts] },
  expertIds: { dtype: 'int32', shape: ({ tokens, topK }) => [tokens, topK] },
  tokenMask: { dtype: 'uint8', shape: ({ tokens }) => [tokens] },
} satisfies Record<string, TensorEntry>;

/** The name of a tensor, in every operation that has it. */
export type TensorName = keyof typeof tensors;

/** Every tensor that operations read and write, by the name that it has in each. */
export const TENSORS: { readonly [Name in TensorName]: TensorEntry } = tensors;

/** Every attribute: its values, or their kind. A `count` is an integer of at least 0. */
export const ATTRIBUTES = {
  scoringFunc: SCORING_FUNCS,
  selection: SELECTIONS,
  nGroup: 'count',
  topkGroup: 'count',
  groupScoreFunc: GROUP_SCORE_FUNCS,
  normTopkProb: 'boolean',
  normEps: 'float32',
  routedScalingFactor: 'float32',
  zeroExpertKind: ZERO_EXPERT_KINDS,
  applyRouterWeightOnInput: 'boolean',
  jitterEps: 'float32',
  expertCapacity: 'count',
  dropPolicy: DROP_POLICIES,
  normBeforeDrop: 'boolean',
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
  /** Inputs that may be absent: null in the call. A prepared run takes them after the inputs. */
  readonly optional: readonly TensorName[];
  /** More of them, which a prepared run takes by name. */
  readonly named: readonly TensorName[];
  readonly outputs: readonly TensorName[];
}

const PLAN = ['tokenNumsPerExpert', 'expertOffsets', 'permuteIndicesPerToken'] as const;
const ROUTING = ['expertScalesFloat', 'topKIndices'] as const;

/** The tensors that a router may need beside the gating. */
export const ROUTER_TENSORS = [
  'eScoreCorrectionBias',
  'perExpertScale',
  'globalScale',
  'sharedLogits',
  'expertIds',
  'tokenMask',
] as const satisfies TensorName[];
/** The name of one of a router's tensors. */
export type RouterTensorName = (typeof ROUTER_TENSORS)[number];

/** The attributes of a router: all of them. */
const ROUTER = Object.keys(ATTRIBUTES) as (keyof typeof ATTRIBUTES)[];

/** Every operation, by the name of the function that users call. */
export const OPERATIONS = {
  moeDispatch: {
    sizes: ['tokens', 'hidden', 'numExperts', 'topK', 'zeroExperts', 'sharedExperts'],
    rows: 'any',
    attributes: ROUTER,
    inputs: ['x', 'gatingOutput'],
    optional: [],
    named: ROUTER_TENSORS,
    outputs: ['permuteInput', ...PLAN, ...ROUTING],
  },
  routeTokens: {
    sizes: ['tokens', 'numExperts', 'topK', 'zeroExperts', 'sharedExperts'],
    rows: 'none',
    attributes: ROUTER,
    inputs: ['gatingOutput'],
    optional: [],
    named: ROUTER_TENSORS,
    outputs: ROUTING,
  },
  planDispatch: {
    sizes: ['tokens', 'numExperts', 'topK', 'zeroExperts'],
    rows: 'none',
    attributes: [],
    inputs: ['topKIndices'],
    optional: [],
    named: [],
    outputs: PLAN,
  },
  permuteRows: {
    sizes: ['tokens', 'hidden', 'topK'],
    rows: 'any',
    // With it, rows are multiplied by expertScalesFloat.
    attributes: ['applyRouterWeightOnInput'],
    inputs: ['x', 'permuteIndicesPerToken'],
    optional: [],
    named: ['expertScalesFloat'],
    outputs: ['permuteInput'],
  },
  moeReduce: {
    // numExperts: rows of ffn2Bias, 0 without one.
    sizes: ['tokens', 'hidden', 'numExperts', 'topK'],
    rows: 'float',
    // With applyRouterWeightOnInput, weights are 1.
    attributes: ['normTopkProb', 'routedScalingFactor', 'applyRouterWeightOnInput'],
    inputs: ['ffnOut', 'expertScalesFloat', 'permuteIndicesPerToken', 'topKIndices'],
    optional: ['ffn2Bias'],
    // What identity experts return.
    named: ['x'],
    outputs: ['output'],
  },
} as const satisfies Record<string, OperationEntry>;

/** The name of an operation: that of the function that users call. */
export type OperationName = keyof typeof OPERATIONS;

/** moeDispatch is these in a row; a backend that implements them implements it. */
export const STAGES = ['routeTokens', 'planDispatch', 'permuteRows'] as const satisfies OperationName[];
