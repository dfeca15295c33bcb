import { type Backend, checkBackend, contractOf } from '../backend.js';
import { checkLimit } from '../checks/limit.js';
import { readOptions } from '../checks/options.js';
import { byteLengthOf } from '../checks/shape.js';
import { checkGroups, checkRows, checkTopK } from '../checks/sizes.js';
import { checkBoolean, checkFloat, checkSize } from '../checks/values.js';
import { checkDType, type DType, FLOAT_DTYPES, type FloatDType } from '../dtypes.js';
import { invalidArgument } from '../errors.js';
import { Prepared } from '../prepared.js';
import { ROUTER_FLAGS, type RouterOptions, routerOf } from '../router.js';
import type { AnyCall, Attributes, Spec } from './call.js';
import { checkImplemented, tensorDType, tensorNames, tensorShape } from './perform.js';
import { type AttributeName, OPERATIONS, type OperationEntry, type OperationName } from './table.js';

/** What each operation is prepared for. */
export interface PrepareOptions {
  moeDispatch: PrepareDispatchOptions;
  routeTokens: RouterOptions & Pick<PrepareDispatchOptions, 'tokens' | 'numExperts'>;
  planDispatch: Pick<PrepareDispatchOptions, 'tokens' | 'numExperts' | 'moeTopk'>;
  permuteRows: Pick<PrepareDispatchOptions, 'tokens' | 'hidden' | 'moeTopk' | 'dtype'>;
  moeReduce: PrepareReduceOptions;
}

/** What prepareDispatch prepares for. */
export interface PrepareDispatchOptions extends RouterOptions {
  /** The most tokens (T) of a run. */
  tokens: number;
  /** D: elements of a token's row. */
  hidden: number;
  /** E */
  numExperts: number;
  /** dtype of x. */
  dtype: DType;
}

/** What moeReduce is prepared for. */
export interface PrepareReduceOptions {
  /** The most tokens (T) of a run. */
  tokens: number;
  /** D: elements of a token's row. */
  hidden: number;
  /** K */
  moeTopk: number;
  /** dtype of ffnOut. */
  dtype: FloatDType;
  /** Experts that ffn2Bias has rows for. Default 0: no bias. */
  numExperts?: number | undefined;
  /** As for moeReduce. Default false. */
  normTopkProb?: boolean | undefined;
  /** As for moeReduce. Default 1. */
  routedScalingFactor?: number | undefined;
}

/** A backend, for its type. */
interface Preparing {
  readonly preparedTypes?: { readonly [Op in OperationName]: unknown };
}

/** The class of a backend's prepared operation. */
export type PreparedOf<B extends Preparing, Op extends OperationName> = NonNullable<B['preparedTypes']>[Op];

/**
 * Preallocates workspace and precompiles kernels for an operation of fixed sizes, so that each run allocates nothing.
 * @param operation the name of the function, e.g. `moeReduce`.
 * @param options its sizes, its dtype, and the options of that function, except `out` and tensors.
 * @throws InvalidArgumentError, DisposedError, ResourceError, as the function does for the same sizes.
 */
export function prepare<B extends Preparing, Op extends OperationName>(
  backend: B,
  operation: Op,
  options: PrepareOptions[Op],
): PreparedOf<B, Op> {
  if (!Object.hasOwn(OPERATIONS, operation)) {
    const known = `one of ${Object.keys(OPERATIONS).join(', ')}`;
    throw invalidArgument('operation', operation, known);
  }
  const given = readOptions<Given>(options, optionNames(operation));
  checkBackend(backend);
  checkImplemented(operation, backend);
  const spec = readSpec(operation, given, backend);
  const prepared = contractOf(backend).prepare?.(backend as never, operation, spec);
  return (prepared ?? new Prepared(backend, operation, spec)) as never;
}

/** `prepare(backend, 'moeDispatch', options)`. */
export function prepareDispatch<B extends Preparing>(
  backend: B,
  options: PrepareDispatchOptions,
): PreparedOf<B, 'moeDispatch'> {
  return prepare(backend, 'moeDispatch', options);
}

type Given = Omit<PrepareDispatchOptions & PrepareReduceOptions, 'dtype'> & { dtype: DType };

/** The options that stand for each attribute. */
const ATTRIBUTE_OPTIONS: { readonly [Name in AttributeName]: readonly (keyof Given)[] } = {
  router: ROUTER_FLAGS,
  normTopkProb: ['normTopkProb'],
  routedScalingFactor: ['routedScalingFactor'],
};

function optionNames(operation: OperationName): (keyof Given)[] {
  const { sizes, rows, attributes }: OperationEntry = OPERATIONS[operation];
  return [
    ...sizes.map((size) => (size === 'topK' ? 'moeTopk' : size)),
    ...(rows === 'none' ? [] : ['dtype' as const]),
    ...attributes.flatMap((attribute) => ATTRIBUTE_OPTIONS[attribute]),
  ];
}

function readSpec<Op extends OperationName>(
  operation: Op,
  given: Partial<Given>,
  backend: Backend,
): Spec<Op> {
  const { sizes, rows, optional }: OperationEntry = OPERATIONS[operation];
  const { dtypes, limits } = backend.info;
  const { tokens, hidden = 0, numExperts = 0, moeTopk, dtype = 'float32' } = given;
  checkSize('tokens', tokens, 0);
  if (sizes.includes('hidden')) checkSize('hidden', given.hidden, 0);
  if (rows !== 'none') {
    checkDType('dtype', given.dtype, dtypes);
    if (rows === 'float') checkDType('dtype', dtype, FLOAT_DTYPES);
  }
  // Experts that only an absent bias has need not be there.
  const fewest = optional.length > 0 ? 0 : 1;
  if (sizes.includes('numExperts')) checkSize('numExperts', numExperts, fewest);
  checkLimit('numExperts', 'maxExperts', numExperts, limits);
  const choosesExperts = sizes.includes('numExperts') && fewest > 0;
  checkTopK('moeTopk', moeTopk, choosesExperts ? numExperts : Number.MAX_SAFE_INTEGER, limits);
  checkRows('moeTopk', moeTopk, tokens);
  checkGroups(given.groupMoe, numExperts, moeTopk);
  const call = { tokens, hidden, numExperts, topK: moeTopk, dtype } as AnyCall;
  for (const name of tensorNames(operation)) {
    const bytes = byteLengthOf(tensorShape(name, call), tensorDType(name, call));
    checkLimit('tokens', 'maxTensorBytes', bytes, limits);
  }
  return { ...call, ...readAttributes(given) } as Spec<Op>;
}

/** Those of all operations: each has its own default. */
function readAttributes(given: Partial<Given>): Attributes {
  const { normTopkProb = false, routedScalingFactor = 1 } = given;
  checkBoolean('normTopkProb', normTopkProb);
  return {
    router: routerOf(given),
    normTopkProb,
    routedScalingFactor: checkFloat('routedScalingFactor', routedScalingFactor),
  };
}
