import type { DType, FloatDType, OperationName } from '@moe-dispatch/core';
import {
  FLOAT_DTYPES,
  OPERATIONS,
  type OperationEntry,
  ROUTER_TENSORS,
  type RouterTensorName,
  type Sizes,
  type TensorName,
} from '@moe-dispatch/core/backend';
import { type HostTensor, hostTensor } from '../host-tensor.js';
import {
  type CallOptions,
  type CallSizes,
  type HostCall,
  type HostTensors,
  kindsOf,
} from '../operations/host-call.js';
import { expectPlan } from '../oracle.js';
import { expectRouting, type RoutingInputs } from '../oracle-router.js';
import { drawn, type Random, randomRows } from './data.js';

/** A call of any operation: its sizes, the dtype of its rows and its options. */
export interface ExampleSpec extends CallSizes {
  readonly options?: CallOptions;
  /** Of moeReduce. */
  readonly bias?: boolean;
  /** Those given by name. */
  readonly tensors?: readonly TensorName[];
  /** Elements of the gating and of a router's tensors, where others than usual are to be drawn. */
  readonly draws?: { readonly [Name in RouterTensorName | 'gatingOutput']?: (random: Random) => number };
}

/** A valid call with random data; its choices and its map are those of a dispatch. */
export function exampleCall(operation: OperationName, spec: ExampleSpec, random: Random): HostCall {
  const { inputs, optional }: OperationEntry = OPERATIONS[operation];
  const names = [...inputs, ...(spec.bias === true ? optional : []), ...namedTensors(operation, spec)];
  const routing = routingInputs(spec, random);
  const tensors = {
    ...routing,
    x: rowsFor(operation, spec, random),
    ...(isRouting(operation) ? {} : routedTensors(spec, routing, random)),
  } as HostTensors;
  return {
    operation,
    inputs: Object.fromEntries(names.map((name) => [name, tensors[name]])),
    options: {
      ...pickOptions(operation, spec),
      ...(operation === 'planDispatch'
        ? { numExperts: spec.numExperts, zeroExperts: spec.zeroExperts ?? 0 }
        : {}),
    },
  };
}

function routingInputs(spec: ExampleSpec, random: Random): RoutingInputs {
  const { tokens, numExperts, tensors = [], gatingDtype = 'float32', draws } = spec;
  const logit = draws?.gatingOutput ?? (() => random.normal());
  const named = ROUTER_TENSORS.filter((name) => tensors.includes(name));
  return {
    gatingOutput: drawn(gatingDtype, [tokens, numExperts], () => logit(random)),
    ...Object.fromEntries(named.map((name) => [name, routerTensor(name, spec, random)])),
  };
}

/** Bytes, or numbers if there is to be computed with them. */
function rowsFor(operation: OperationName, spec: ExampleSpec, random: Random): HostTensor {
  const { tokens, hidden, dtype, tensors = [], options } = spec;
  const weighed = options?.router?.applyRouterWeightOnInput === true || tensors.includes('expertScalesFloat');
  if (!weighed && operation !== 'moeReduce') return randomRows(random, dtype, [tokens, hidden]);
  return drawn(dtype as FloatDType, [tokens, hidden], () => random.normal());
}

/** What the later stages and moeReduce are given. */
function routedTensors(spec: ExampleSpec, inputs: RoutingInputs, random: Random): HostTensors {
  const { tokens, hidden, numExperts, topK, dtype, options = {}, zeroExperts } = spec;
  const float = (FLOAT_DTYPES as readonly DType[]).includes(dtype) ? (dtype as FloatDType) : 'float32';
  const mode = options.router === undefined ? { ...options, moeTopk: topK } : options;
  const routing = expectRouting(inputs, mode);
  const plan = expectPlan(routing.topKIndices, numExperts, zeroExperts);
  const rows = plan.expertOffsets.data[plan.expertOffsets.data.length - 1];
  return {
    ...plan,
    expertScalesFloat: routing.expertScalesFloat,
    topKIndices: routing.topKIndices,
    // Nobody writes the rows beyond the last expert's, so nobody may read them.
    ffnOut: drawn(float, [topK * tokens, hidden], (i) => (i < rows * hidden ? random.normal() : Number.NaN)),
    ffn2Bias: drawn(float, [numExperts, hidden], () => random.normal()),
  };
}

/** An element of each tensor of a router. */
const ROUTER_DRAWS: { readonly [Name in RouterTensorName]: (random: Random, spec: ExampleSpec) => number } = {
  eScoreCorrectionBias: (random) => random.normal() / 4,
  perExpertScale: (random) => 1 + random.normal() / 8,
  globalScale: (random) => 1 + random.uniform(),
  sharedLogits: (random) => random.normal(),
  expertIds: (random, { numExperts }) => random.below(numExperts + 1) - 1,
  tokenMask: (random) => random.below(4),
};

function routerTensor(name: RouterTensorName, spec: ExampleSpec, random: Random): HostTensor {
  const { dtype, shape } = kindsOf([name], spec)[name];
  const tensor = hostTensor(dtype, shape) as HostTensor<'float32' | 'int32' | 'uint8'>;
  const draw = spec.draws?.[name] ?? ROUTER_DRAWS[name];
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = draw(random, spec);
  return tensor;
}

const isRouting = (operation: OperationName) => operation === 'moeDispatch' || operation === 'routeTokens';

/** The tensors given by name that this operation has. */
function namedTensors(operation: OperationName, { tensors = [] }: ExampleSpec): TensorName[] {
  const { named }: OperationEntry = OPERATIONS[operation];
  return tensors.filter((name) => named.includes(name));
}

const OPTIONS: { readonly [Op in OperationName]: readonly (keyof CallOptions)[] } = {
  moeDispatch: ['groupMoe', 'topkOnlyMode', 'router'],
  routeTokens: ['groupMoe', 'topkOnlyMode', 'router'],
  planDispatch: [],
  permuteRows: [],
  moeReduce: ['normTopkProb', 'routedScalingFactor', 'applyRouterWeightOnInput'],
};

function pickOptions(operation: OperationName, { topK, options = {} }: ExampleSpec): CallOptions {
  const given = OPTIONS[operation].filter((name) => options[name] !== undefined);
  const picked = Object.fromEntries(given.map((name) => [name, options[name]]));
  return isRouting(operation) && options.router === undefined ? { ...picked, moeTopk: topK } : picked;
}

/** What `prepare` is told for calls of these sizes. */
export function prepareOptions(operation: OperationName, spec: ExampleSpec): object {
  const { sizes, rows }: OperationEntry = OPERATIONS[operation];
  const tensors = namedTensors(operation, spec);
  // A router says how many it chooses and which are zero experts.
  const fromRouter = isRouting(operation) ? ['topK', 'zeroExperts'] : [];
  const told = (sizes as readonly (keyof Sizes)[]).filter(
    (size) => spec[size] !== undefined && !fromRouter.includes(size),
  );
  return {
    ...Object.fromEntries(told.map((size) => [size === 'topK' ? 'moeTopk' : size, spec[size]])),
    ...(rows === 'none' ? {} : { dtype: spec.dtype }),
    ...(isRouting(operation) && spec.gatingDtype !== undefined ? { gatingDtype: spec.gatingDtype } : {}),
    ...pickOptions(operation, spec),
    ...(operation === 'moeReduce' && spec.bias !== true ? { numExperts: 0 } : {}),
    ...(tensors.length === 0 ? {} : { tensors }),
  };
}

export const SMALL: ExampleSpec = { tokens: 5, hidden: 3, numExperts: 4, topK: 2, dtype: 'float32' };
