import { type Backend, checkBackend, contractOf } from '../backend.js';
import { checkLimit } from '../checks/limit.js';
import { readOptions } from '../checks/options.js';
import { byteLengthOf } from '../checks/shape.js';
import { checkRows, checkTopK, checkZeroExperts } from '../checks/sizes.js';
import { checkMember, checkSize, isArray } from '../checks/values.js';
import { checkDType, type DType, FLOAT_DTYPES, type FloatDType } from '../dtypes.js';
import { invalidArgument } from '../errors.js';
import { Prepared } from '../prepared.js';
import type { RouterOptions } from '../router.js';
import { emptyCall, type Spec } from './call.js';
import { readWeighing } from './moe-reduce.js';
import { checkImplemented, tensorDType, tensorNames, tensorShape } from './perform.js';
import type { PlanDispatchOptions } from './plan-dispatch.js';
import { checkForExperts, ROUTER_ARGUMENTS, readRouter } from './read-router.js';
import {
  OPERATIONS,
  type OperationEntry,
  type OperationName,
  type RouterTensorName,
  type TensorName,
} from './table.js';

/** What each operation is prepared for. */
export interface PrepareOptions {
  moeDispatch: PrepareDispatchOptions;
  routeTokens: PrepareRoutingOptions;
  planDispatch: PreparePlanOptions;
  permuteRows: PreparePermuteOptions;
  moeReduce: PrepareReduceOptions;
}

/** What routeTokens is prepared for. */
export type PrepareRoutingOptions = RouterOptions & {
  /** The most tokens (T) of a run. */
  tokens: number;
  /** E */
  numExperts: number;
  /** dtype of the gating. Default float32. */
  gatingDtype?: FloatDType | undefined;
  /** The router's tensors that runs will be given. Default none. */
  tensors?: readonly RouterTensorName[] | undefined;
  /** S, if `sharedLogits` is among them. Default 0. */
  sharedExperts?: number | undefined;
};

/** What prepareDispatch prepares for. */
export type PrepareDispatchOptions = PrepareRoutingOptions & {
  /** D: elements of a token's row. */
  hidden: number;
  /** dtype of x. */
  dtype: DType;
};

/** What planDispatch is prepared for. */
export interface PreparePlanOptions extends Pick<PlanDispatchOptions, 'zeroExperts'> {
  /** The most tokens (T) of a run. */
  tokens: number;
  /** E */
  numExperts: number;
  /** K */
  moeTopk: number;
}

/** What permuteRows is prepared for. */
export interface PreparePermuteOptions {
  /** The most tokens (T) of a run. */
  tokens: number;
  /** D: elements of a token's row. */
  hidden: number;
  /** K */
  moeTopk: number;
  /** dtype of x. */
  dtype: DType;
  /** `expertScalesFloat` if runs will be given it. Default none. */
  tensors?: readonly 'expertScalesFloat'[] | undefined;
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
  /** As for moeReduce. Default false. */
  applyRouterWeightOnInput?: boolean | undefined;
  /** `x` if runs will be given it. Default none. */
  tensors?: readonly 'x'[] | undefined;
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
  checkMember('operation', operation, OPERATION_NAMES);
  const given = readOptions<Given>(options, OPTION_NAMES[operation]);
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

/** Any of the options, not checked yet. */
type Given = {
  readonly [Name in
    | keyof PrepareDispatchOptions
    | keyof PreparePlanOptions
    | keyof PrepareReduceOptions]?: unknown;
};

const ROUTING = [
  ...ROUTER_ARGUMENTS,
  'tokens',
  'numExperts',
  'gatingDtype',
  'tensors',
  'sharedExperts',
] as const;
const OPERATION_NAMES = Object.keys(OPERATIONS) as OperationName[];
const OPTION_NAMES: { readonly [Op in OperationName]: readonly (keyof Given)[] } = {
  moeDispatch: [...ROUTING, 'hidden', 'dtype'],
  routeTokens: ROUTING,
  planDispatch: ['tokens', 'numExperts', 'moeTopk', 'zeroExperts'],
  permuteRows: ['tokens', 'hidden', 'moeTopk', 'dtype', 'tensors'],
  moeReduce: [
    'tokens',
    'hidden',
    'moeTopk',
    'dtype',
    'numExperts',
    'normTopkProb',
    'routedScalingFactor',
    'applyRouterWeightOnInput',
    'tensors',
  ],
};

/** The options of an operation as sizes, dtypes and attributes, checked as a call of it would be. */
function readSpec<Op extends OperationName>(operation: Op, given: Given, backend: Backend): Spec<Op> {
  const { sizes, rows, optional, attributes }: OperationEntry = OPERATIONS[operation];
  const { dtypes, limits } = backend.info;
  const {
    tokens,
    hidden = 0,
    numExperts = 0,
    zeroExperts = 0,
    sharedExperts = 0,
    dtype = 'float32',
    gatingDtype = 'float32',
  } = given;
  const tensors = readTensorNames(operation, given.tensors);
  checkSize('tokens', tokens, 0);
  if (sizes.includes('hidden')) checkSize('hidden', given.hidden, 0);
  if (rows !== 'none') {
    checkDType('dtype', given.dtype, dtypes);
    if (rows === 'float') checkDType('dtype', dtype, FLOAT_DTYPES);
  }
  checkDType('gatingDtype', gatingDtype, FLOAT_DTYPES);
  // Only a bias may be absent, and without it there need be no experts.
  const fewest = optional.length > 0 ? 0 : 1;
  if (sizes.includes('numExperts')) checkSize('numExperts', numExperts, fewest);
  checkLimit('numExperts', 'maxExperts', numExperts as number, limits);
  if (operation === 'planDispatch') checkZeroExperts(zeroExperts, numExperts as number);
  const router = attributes.includes('scoringFunc')
    ? readRouter(given, tensors as RouterTensorName[])
    : undefined;
  const { call, topKName } = router ?? { call: emptyCall(), topKName: 'moeTopk' };
  if (!router) {
    call.topK = given.moeTopk as number;
    call.zeroExperts = zeroExperts as number;
  }
  const { topK } = call;
  const choosesExperts = sizes.includes('numExperts') && fewest > 0;
  checkTopK(topKName, topK, choosesExperts ? (numExperts as number) : Number.MAX_SAFE_INTEGER, limits);
  checkRows(topKName, topK, tokens);
  if (router) checkForExperts(router, numExperts as number);
  Object.assign(call, { tokens, hidden, numExperts, dtype, gatingDtype, tensors });
  call.sharedExperts = readSharedExperts(sharedExperts, tensors);
  if (operation === 'moeReduce') readWeighing(call, given as never);
  else if (operation === 'permuteRows') call.applyRouterWeightOnInput = tensors.length > 0;
  if (call.applyRouterWeightOnInput) checkDType('dtype', dtype, FLOAT_DTYPES);
  for (const name of tensorNames(operation)) {
    const bytes = byteLengthOf(tensorShape(name, call), tensorDType(name, call));
    checkLimit('tokens', 'maxTensorBytes', bytes, limits);
  }
  return call as unknown as Spec<Op>;
}

/** The names of tensors that runs will be given by name. */
function readTensorNames(operation: OperationName, given: unknown): readonly TensorName[] {
  const known: readonly unknown[] = OPERATIONS[operation].named;
  if (given === undefined) return [];
  // A copy, which neither has holes nor changes.
  const names = isArray(given) ? Array.from(given) : [undefined];
  if (names.every((name) => known.includes(name))) return names as TensorName[];
  throw invalidArgument('tensors', given, `an array of names: ${known.join(', ')}`);
}

function readSharedExperts(given: unknown, tensors: readonly TensorName[]): number {
  if (!tensors.includes('sharedLogits')) {
    if (given === 0) return given;
    throw invalidArgument('sharedExperts', given, "0 without 'sharedLogits' among the tensors");
  }
  checkSize('sharedExperts', given, 1);
  return given;
}
