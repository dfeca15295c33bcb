import {
  type DType,
  type FloatDType,
  isMoeDispatchError,
  type MoeReduceOptions,
  moeDispatch,
  moeReduce,
  permuteRows,
  planDispatch,
  type RoutingOptions,
  routeTokens,
  type Tensor,
} from '@moe-dispatch/core';
import {
  OPERATIONS,
  type OperationName,
  type Sizes,
  type TensorName,
  tensorDType,
  tensorShape,
} from '@moe-dispatch/core/backend';
import { elementCount, type HostTensor } from '../host-tensor.js';
import type { ReduceOptions } from '../oracle-reduce.js';
import { type RoutingMode, topKOf } from '../oracle-router.js';
import { NotClaimed, type Session } from '../session.js';

export type HostTensors = { readonly [Name in TensorName]?: HostTensor };
export type DeviceTensors = { readonly [Name in TensorName]?: Tensor };

/** The options of the function that users call. */
export interface CallOptions extends RoutingMode, ReduceOptions {
  readonly numExperts?: number;
  /** Of planDispatch. */
  readonly zeroExperts?: number;
}

/** A call of any operation, in plain memory. */
export interface HostCall {
  readonly operation: OperationName;
  readonly inputs: HostTensors;
  readonly options: CallOptions;
}

/** dtype and shape of a tensor. */
export type Kind = Pick<HostTensor, 'dtype' | 'shape'>;

type Inputs = Record<TensorName, Tensor>;
type Call = (inputs: Inputs, options: CallOptions) => DeviceTensors;

/** How users call each operation. */
const CALLS: { readonly [Op in OperationName]: Call } = {
  moeDispatch: (inputs, options) =>
    moeDispatch(inputs.x, inputs.gatingOutput, {
      ...routingOptions(options),
      ...named('moeDispatch', inputs),
    }),
  routeTokens: (inputs, options) =>
    routeTokens(inputs.gatingOutput, { ...routingOptions(options), ...named('routeTokens', inputs) }),
  planDispatch: ({ topKIndices }, { numExperts, zeroExperts }) =>
    planDispatch(topKIndices, numExperts as number, defined({ zeroExperts })),
  permuteRows: (inputs) => {
    const { x, permuteIndicesPerToken } = inputs;
    return { permuteInput: permuteRows(x, { permuteIndicesPerToken }, named('permuteRows', inputs)) };
  },
  moeReduce: (inputs, options) => {
    const { ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices, ffn2Bias } = inputs;
    return {
      output: moeReduce(ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices, {
        ...reduceOptions(options),
        ...defined({ ffn2Bias }),
        ...named('moeReduce', inputs),
      }),
    };
  },
};

/** Those of a call's tensors that are given by name. */
export function named(operation: OperationName, inputs: DeviceTensors): DeviceTensors {
  const names: readonly TensorName[] = OPERATIONS[operation].named;
  return Object.fromEntries(names.filter((name) => inputs[name]).map((name) => [name, inputs[name]]));
}

/**
 * Makes the call; its results are disposed with the session. Not claimed if the backend claims less.
 * @param tensors its inputs on the backend
 */
export function issue(
  session: Session,
  call: HostCall,
  tensors = uploadInputs(session, call),
): DeviceTensors {
  const found = claimed(call, () => callWith(tensors, call));
  for (const name of OPERATIONS[call.operation].outputs) session.keep(found[name] as Tensor);
  return found;
}

/**
 * Runs what makes or prepares a call. A backend may leave out routers beyond Paddle's modes: it says so by refusing them
 * with UNSUPPORTED_OPERATION, which ends the case as not claimed.
 */
export function claimed<V>({ options, inputs, operation }: HostCall, run: () => V): V {
  try {
    return run();
  } catch (error) {
    const plain =
      options.router === undefined && Object.keys(named(operation, inputs as object)).length === 0;
    if (plain || !isMoeDispatchError(error) || error.code !== 'UNSUPPORTED_OPERATION') throw error;
    throw new NotClaimed(error.message);
  }
}

/** The call alone: its results are the caller's to dispose. */
export function callWith(tensors: DeviceTensors, { operation, options }: HostCall): DeviceTensors {
  return CALLS[operation](tensors as Inputs, options);
}

export function uploadInputs(session: Session, call: HostCall): DeviceTensors {
  requireCall(session, call);
  return mapTensors(call.inputs, (host) => session.upload(host));
}

/** Ends the case as not claimed unless the backend claims this operation, its sizes and its tensors. */
export function requireCall(session: Session, call: HostCall): void {
  session.requireOperations(call.operation);
  session.requireSizes(sizesOf(call));
  for (const { shape, dtype } of Object.values(outputKinds(call))) session.requireTensor(shape, dtype);
}

/** Makes something of each tensor. */
export function mapTensors<V>(
  tensors: HostTensors,
  make: (host: HostTensor, name: TensorName) => V,
): { [Name in TensorName]?: V } {
  const entries = Object.entries(tensors) as [TensorName, HostTensor | undefined][];
  return Object.fromEntries(
    entries.flatMap(([name, host]) => (host === undefined ? [] : [[name, make(host, name)]])),
  );
}

export function routingOptions({ moeTopk, groupMoe, topkOnlyMode, router }: CallOptions): RoutingOptions {
  return defined({ moeTopk, groupMoe, topkOnlyMode, router }) as object as RoutingOptions;
}

export function reduceOptions(options: CallOptions): MoeReduceOptions {
  const { normTopkProb, routedScalingFactor, applyRouterWeightOnInput } = options;
  return defined({ normTopkProb, routedScalingFactor, applyRouterWeightOnInput });
}

/** Without the options that are left out: the caller of a backend leaves them out too. */
function defined<O extends object>(options: O): Partial<O> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<O>;
}

/** What the outputs of a call must be. */
export function outputKinds(call: HostCall): { [Name in TensorName]?: Kind } {
  const { x, ffnOut } = call.inputs;
  const rows = (ffnOut ?? x)?.dtype as DType;
  const kinds = kindsOf<TensorName>(OPERATIONS[call.operation].outputs, { ...sizesOf(call), dtype: rows });
  // Rows of x [T] are single elements.
  if (call.operation !== 'permuteRows' || x?.shape.length !== 1) return kinds;
  return {
    ...kinds,
    permuteInput: { dtype: rows, shape: [...(kinds.permuteInput as Kind).shape.slice(0, 1)] },
  };
}

/** Sizes of a call, of which most have neither zero nor shared experts, and its dtypes. */
export interface CallSizes
  extends Omit<Sizes, 'zeroExperts' | 'sharedExperts'>,
    Partial<Pick<Sizes, 'zeroExperts' | 'sharedExperts'>> {
  /** Of rows. */
  readonly dtype: DType;
  /** Default float32. */
  readonly gatingDtype?: FloatDType;
}

/** What tensors of a call of these sizes are. */
export function kindsOf<Name extends TensorName>(
  names: readonly Name[],
  sizes: CallSizes,
): { [N in Name]: Kind } {
  const all = { zeroExperts: 0, sharedExperts: 0, gatingDtype: 'float32' as const, ...sizes };
  const kinds = names.map((name) => [name, { dtype: tensorDType(name, all), shape: tensorShape(name, all) }]);
  return Object.fromEntries(kinds);
}

export function sizesOf({ inputs, options }: HostCall): Sizes {
  const { x, gatingOutput, permuteIndicesPerToken, topKIndices, ffnOut, ffn2Bias, sharedLogits } = inputs;
  const map = permuteIndicesPerToken?.shape;
  const last = ({ shape }: HostTensor) => shape[shape.length - 1];
  const rows = gatingOutput ?? topKIndices;
  return {
    tokens: map?.[1] ?? (rows === undefined ? 0 : elementCount(rows.shape.slice(0, -1))),
    hidden: hiddenOf(ffnOut ?? x),
    numExperts:
      options.numExperts ?? ffn2Bias?.shape[0] ?? (gatingOutput === undefined ? 0 : last(gatingOutput)),
    topK: topKOf(options) ?? topKIndices?.shape[1] ?? map?.[0] ?? 0,
    zeroExperts: options.router?.zeroExperts?.count ?? options.zeroExperts ?? 0,
    sharedExperts: sharedLogits?.shape[1] ?? 0,
  };
}

function hiddenOf(rows: HostTensor | undefined): number {
  if (rows === undefined) return 0;
  return rows.shape.length === 1 ? 1 : rows.shape[rows.shape.length - 1];
}
