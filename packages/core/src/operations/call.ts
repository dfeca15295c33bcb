import type { DType } from '../dtypes.js';
import type { Router } from '../router.js';
import type { Tensor } from '../tensor.js';
import type { OPERATIONS, OperationName, Sizes, TensorName } from './table.js';

/** The values of the table's attributes. */
export interface Attributes {
  router: Router;
  normTopkProb: boolean;
  /** A float32 value. */
  routedScalingFactor: number;
}

type Table = typeof OPERATIONS;
/** The names of an operation's results. */
export type OutputName<Op extends OperationName> = Table[Op]['outputs'][number];
type InputName<Op extends OperationName> = Table[Op]['inputs'][number];
type OptionalName<Op extends OperationName> = Table[Op]['optional'][number];

/** An operation without its tensors. */
export type Spec<Op extends OperationName = OperationName> = Sizes & {
  /** Of the rows; float32 if the operation has none. */
  dtype: DType;
} & Pick<Attributes, Table[Op]['attributes'][number]>;

/** One call of an operation, as its backend gets it: checked, flat, each tensor by its name in the table. */
export type Call<Op extends OperationName = OperationName, T = Tensor> = Spec<Op> & {
  [Name in InputName<Op> | OutputName<Op>]: T;
} & { [Name in OptionalName<Op>]: T | null };

/** Tensors to write results into, by the names of the results. */
export type Outputs<Op extends OperationName, T extends Tensor = Tensor> = {
  readonly [Name in OutputName<Op>]: T;
};

/** A call whose tensors are looked up by name. */
export type AnyCall = Spec & Partial<Attributes> & { [Name in TensorName]?: Tensor | null };

/** A tensor, or null, for each name. */
type Each<Names extends readonly unknown[], V> = { [I in keyof Names]: V };

/** What `Prepared.run` takes: the inputs in the order of the table, those that may be absent, then `out`. */
export type RunArguments<Op extends OperationName> = [
  ...Each<Table[Op]['inputs'], Tensor>,
  ...Each<Table[Op]['optional'], Tensor | null>,
  out: Outputs<Op>,
];
