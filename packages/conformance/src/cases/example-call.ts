import type { DType, FloatDType, OperationName } from '@moe-dispatch/core';
import {
  type AttributeName,
  FLOAT_DTYPES,
  OPERATIONS,
  type OperationEntry,
  type Sizes,
} from '@moe-dispatch/core/backend';
import type { CallOptions, HostCall, HostTensors } from '../operations/host-call.js';
import { expectPlan, expectRouting, scalesAsInput } from '../oracle.js';
import { drawn, type Random, randomRows } from './data.js';

/** A call of any operation: its sizes, the dtype of its rows and its options. */
export interface ExampleSpec extends Sizes {
  readonly dtype: DType;
  readonly options?: CallOptions;
  /** Of moeReduce. */
  readonly bias?: boolean;
}

/** A valid call with random data; its choices and its map are those of a dispatch. */
export function exampleCall(operation: OperationName, spec: ExampleSpec, random: Random): HostCall {
  const { inputs, optional }: OperationEntry = OPERATIONS[operation];
  const names = spec.bias === true ? [...inputs, ...optional] : inputs;
  const tensors = exampleTensors(spec, random);
  return {
    operation,
    inputs: Object.fromEntries(names.map((name) => [name, tensors[name]])),
    options: {
      ...pickOptions(operation, spec),
      ...(operation === 'planDispatch' ? { numExperts: spec.numExperts } : {}),
    },
  };
}

function exampleTensors(spec: ExampleSpec, random: Random): HostTensors {
  const { tokens, hidden, numExperts, topK, dtype, options } = spec;
  const float = (FLOAT_DTYPES as readonly DType[]).includes(dtype) ? (dtype as FloatDType) : 'float32';
  const normal = () => random.normal();
  const gatingOutput = drawn('float32', [tokens, numExperts], normal);
  const routing = expectRouting(gatingOutput, { ...options, moeTopk: topK });
  return {
    x: randomRows(random, dtype, [tokens, hidden]),
    gatingOutput,
    ...expectPlan(routing.topKIndices, numExperts),
    expertScalesFloat: scalesAsInput(routing),
    topKIndices: routing.topKIndices,
    ffnOut: drawn(float, [topK * tokens, hidden], normal),
    ffn2Bias: drawn(float, [numExperts, hidden], normal),
  };
}

/** The options that stand for each attribute. */
const ATTRIBUTE_OPTIONS: { readonly [Name in AttributeName]: readonly (keyof CallOptions)[] } = {
  router: ['groupMoe', 'topkOnlyMode'],
  normTopkProb: ['normTopkProb'],
  routedScalingFactor: ['routedScalingFactor'],
};

function pickOptions(operation: OperationName, { topK, options = {} }: ExampleSpec): CallOptions {
  const { attributes }: OperationEntry = OPERATIONS[operation];
  const names = attributes.flatMap((name) => ATTRIBUTE_OPTIONS[name]);
  const given = names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return { ...Object.fromEntries(given), ...(attributes.includes('router') ? { moeTopk: topK } : {}) };
}

/** What `prepare` is told for calls of these sizes. */
export function prepareOptions(operation: OperationName, spec: ExampleSpec): object {
  const { sizes, rows }: OperationEntry = OPERATIONS[operation];
  const named = sizes.map((size) => [size === 'topK' ? 'moeTopk' : size, spec[size]]);
  return {
    ...Object.fromEntries(named),
    ...(rows === 'none' ? {} : { dtype: spec.dtype }),
    ...pickOptions(operation, spec),
    ...(operation === 'moeReduce' && spec.bias !== true ? { numExperts: 0 } : {}),
  };
}

export const SMALL: ExampleSpec = { tokens: 5, hidden: 3, numExperts: 4, topK: 2, dtype: 'float32' };
