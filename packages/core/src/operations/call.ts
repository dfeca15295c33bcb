import type { DType } from '../dtypes.js';
import type { RouterAttributes } from '../router.js';
import type { Tensor } from '../tensor.js';
import { type OPERATIONS, type OperationName, type Sizes, TENSORS, type TensorName } from './table.js';

/** The values of the table's attributes: those of a router, some of which moeReduce has as well. */
export type Attributes = RouterAttributes;

type Table = typeof OPERATIONS;
/** The names of an operation's results. */
export type OutputName<Op extends OperationName> = Table[Op]['outputs'][number];
type InputName<Op extends OperationName> = Table[Op]['inputs'][number];
type NamedName<Op extends OperationName> = Table[Op]['named'][number];
type OptionalName<Op extends OperationName> = Table[Op]['optional'][number] | NamedName<Op>;

/** An operation without its tensors. */
export type Spec<Op extends OperationName = OperationName> = Sizes & {
  /** Of the rows; float32 if the operation has none. */
  dtype: DType;
  /** Of the gating; float32 if the operation has none. */
  gatingDtype: DType;
  /** The tensors given by name. */
  tensors: readonly TensorName[];
} & Pick<Attributes, Table[Op]['attributes'][number]>;

/** One call of an operation, as its backend gets it: checked, flat, each tensor by its name in the table. */
export type Call<Op extends OperationName = OperationName, T = Tensor> = Spec<Op> & {
  [Name in InputName<Op> | OutputName<Op>]: T;
} & { [Name in OptionalName<Op>]: T | null };

/** Tensors to write results into, by the names of the results. */
export type Outputs<Op extends OperationName, T extends Tensor = Tensor> = {
  readonly [Name in OutputName<Op>]: T;
};

/** A call whose tensors are looked up by name; those that it does not have are null. */
export type AnyCall = Spec & Attributes & { [Name in TensorName]: Tensor | null };

const DEFAULTS = {
  dtype: 'float32',
  gatingDtype: 'float32',
  tensors: [],
  tokens: 0,
  hidden: 0,
  numExperts: 0,
  topK: 0,
  zeroExperts: 0,
  sharedExperts: 0,
  scoringFunc: 'softmax',
  selection: 'topk',
  nGroup: 1,
  topkGroup: 1,
  groupScoreFunc: 'max',
  normTopkProb: false,
  normEps: 0,
  routedScalingFactor: 1,
  zeroExpertKind: 'identity',
  applyRouterWeightOnInput: false,
  jitterEps: 0,
  expertCapacity: 0,
  dropPolicy: 'position',
  normBeforeDrop: false,
  ...(Object.fromEntries(Object.keys(TENSORS).map((name) => [name, null])) as Record<TensorName, null>),
} as const satisfies AnyCall;

// An object that a parser made is copied in half the time.
const EMPTY: AnyCall = JSON.parse(JSON.stringify(DEFAULTS));

/**
 * A call that says nothing yet: attributes as a router has them by default, no sizes, no tensors. It has a place for
 * everything, because objects that get many properties by computed names become slow.
 */
export function emptyCall(): AnyCall {
  return { ...EMPTY };
}

/** A tensor, or null, for each name. */
type Each<Names extends readonly unknown[], V> = { [I in keyof Names]: V };

/** Tensors given by name. */
export type NamedTensors<Op extends OperationName, T = Tensor> = {
  readonly [Name in NamedName<Op>]?: T | null | undefined;
};

/** What `Prepared.run` takes: inputs in the order of the table, those that may be absent, `out`, and tensors by name. */
export type RunArguments<Op extends OperationName> = [
  ...Each<Table[Op]['inputs'], Tensor>,
  ...Each<Table[Op]['optional'], Tensor | null>,
  out: Outputs<Op>,
  tensors?: NamedTensors<Op>,
];
