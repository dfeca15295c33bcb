import type { DType, FloatDType, OperationName } from '@moe-dispatch/core';
import {
  FLOAT_DTYPES,
  OPERATIONS,
  type OperationEntry,
  ROUTER_TENSORS,
  type Sizes,
  type TensorName,
} from '@moe-dispatch/core/backend';
import { type HostTensor, hostTensor } from '../host-tensor.js';
import type { CallOptions, CallSizes, HostCall, HostTensors } from '../operations/host-call.js';
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
}

/** A valid call with random data; its choices and its map are those of a dispatch. */
export function exampleCall(operation: OperationName, spec: ExampleSpec, random: Random): HostCall {
  const { inputs, optional }: OperationEntry = OPERATIONS[operation];
  const names = [...inputs, ...(spec.bias === true ? optional : []), ...namedTensors(operation, spec)];
  const tensors = exampleTensors(spec, random);
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

function exampleTensors(spec: ExampleSpec, random: Random): HostTensors {
  const { tokens, hidden, numExperts, topK, dtype, options, tensors = [] } = spec;
  const float = (FLOAT_DTYPES as readonly DType[]).includes(dtype) ? (dtype as FloatDType) : 'float32';
  const normal = () => random.normal();
  const gatingOutput = drawn(spec.gatingDtype ?? 'float32', [tokens, numExperts], normal);
  const named = Object.fromEntries(
    ROUTER_TENSORS.filter((name) => tensors.includes(name)).map((name) => [
      name,
      ROUTER_DRAWS[name](spec, random),
    ]),
  );
  const inputs: RoutingInputs = { gatingOutput, ...named };
  const routing = expectRouting(inputs, { ...(options?.router ? {} : { moeTopk: topK }), ...options });
  return {
    x: tensors.includes('x')
      ? drawn(float, [tokens, hidden], normal)
      : randomRows(random, dtype, [tokens, hidden]),
    ...inputs,
    ...expectPlan(routing.topKIndices, numExperts, spec.zeroExperts),
    expertScalesFloat: routing.expertScalesFloat,
    topKIndices: routing.topKIndices,
    ffnOut: drawn(float, [topK * tokens, hidden], normal),
    ffn2Bias: drawn(float, [numExperts, hidden], normal),
  };
}

type Draw = (spec: ExampleSpec, random: Random) => HostTensor;

const ROUTER_DRAWS: { readonly [Name in (typeof ROUTER_TENSORS)[number]]: Draw } = {
  eScoreCorrectionBias: ({ numExperts }, random) => drawn('float32', [numExperts], () => random.normal() / 4),
  perExpertScale: ({ numExperts }, random) => drawn('float32', [numExperts], () => 1 + random.normal() / 8),
  globalScale: (_, random) => drawn('float32', [1], () => 1 + random.uniform()),
  sharedLogits: ({ tokens, sharedExperts = 0 }, random) =>
    drawn('float32', [tokens, sharedExperts], () => random.normal()),
  expertIds: ({ tokens, topK, numExperts }, random) =>
    integers('int32', [tokens, topK], () => random.below(numExperts + 1) - 1),
  tokenMask: ({ tokens }, random) => integers('uint8', [tokens], () => random.below(4)),
};

/** Integers, drawn one by one. */
export function integers<D extends 'int32' | 'uint8'>(
  dtype: D,
  shape: readonly number[],
  draw: (i: number) => number,
): HostTensor<D> {
  const tensor = hostTensor(dtype, shape);
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = draw(i);
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
