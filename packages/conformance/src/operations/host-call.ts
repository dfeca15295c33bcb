import {
  type DType,
  type MoeReduceOptions,
  moeDispatch,
  moeReduce,
  permuteRows,
  planDispatch,
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
import type { RoutingMode } from '../oracle.js';
import type { ReduceOptions } from '../oracle-reduce.js';
import type { Session } from '../session.js';

export type HostTensors = { readonly [Name in TensorName]?: HostTensor };
export type DeviceTensors = { readonly [Name in TensorName]?: Tensor };

/** The options of the function that users call. */
export interface CallOptions extends Partial<RoutingMode>, ReduceOptions {
  readonly numExperts?: number;
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
  moeDispatch: ({ x, gatingOutput }, options) => moeDispatch(x, gatingOutput, routingOptions(options)),
  routeTokens: ({ gatingOutput }, options) => routeTokens(gatingOutput, routingOptions(options)),
  planDispatch: ({ topKIndices }, { numExperts }) => planDispatch(topKIndices, numExperts as number),
  permuteRows: ({ x, permuteIndicesPerToken }) => ({
    permuteInput: permuteRows(x, { permuteIndicesPerToken }),
  }),
  moeReduce: ({ ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices, ffn2Bias }, options) => ({
    output: moeReduce(ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices, {
      ...reduceOptions(options),
      ...(ffn2Bias === undefined ? {} : { ffn2Bias }),
    }),
  }),
};

/**
 * Makes the call; its results are disposed with the session. Not claimed if the backend claims less.
 * @param tensors its inputs on the backend
 */
export function issue(
  session: Session,
  call: HostCall,
  tensors = uploadInputs(session, call),
): DeviceTensors {
  const found = callWith(tensors, call);
  for (const name of OPERATIONS[call.operation].outputs) session.keep(found[name] as Tensor);
  return found;
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

export function routingOptions({ moeTopk, groupMoe, topkOnlyMode }: CallOptions) {
  return { ...defined({ groupMoe, topkOnlyMode }), moeTopk: moeTopk as number };
}

export function reduceOptions({ normTopkProb, routedScalingFactor }: CallOptions): MoeReduceOptions {
  return defined({ normTopkProb, routedScalingFactor });
}

/** Without the options that are left out: the caller of a backend leaves them out too. */
function defined<O extends object>(options: O): Partial<O> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<O>;
}

/** What the outputs of a call must be. */
export function outputKinds(call: HostCall): { [Name in TensorName]?: Kind } {
  const { x, ffnOut } = call.inputs;
  const rows = (x ?? ffnOut)?.dtype as DType;
  const kinds = kindsOf<TensorName>(OPERATIONS[call.operation].outputs, { ...sizesOf(call), dtype: rows });
  // Rows of x [T] are single elements.
  if (x?.shape.length !== 1) return kinds;
  return {
    ...kinds,
    permuteInput: { dtype: rows, shape: [...(kinds.permuteInput as Kind).shape.slice(0, 1)] },
  };
}

/** What tensors of a call of these sizes are; `dtype` is that of its rows. */
export function kindsOf<Name extends TensorName>(
  names: readonly Name[],
  sizes: Sizes & { readonly dtype: DType },
): { [N in Name]: Kind } {
  const kinds = names.map((name) => [
    name,
    { dtype: tensorDType(name, sizes), shape: tensorShape(name, sizes) },
  ]);
  return Object.fromEntries(kinds);
}

export function sizesOf({ inputs, options }: HostCall): Sizes {
  const { x, gatingOutput, permuteIndicesPerToken, topKIndices, ffnOut, ffn2Bias } = inputs;
  const map = permuteIndicesPerToken?.shape;
  const last = ({ shape }: HostTensor) => shape[shape.length - 1];
  const rows = gatingOutput ?? topKIndices;
  return {
    tokens: map?.[1] ?? (rows === undefined ? 0 : elementCount(rows.shape.slice(0, -1))),
    hidden: hiddenOf(x ?? ffnOut),
    numExperts:
      options.numExperts ?? ffn2Bias?.shape[0] ?? (gatingOutput === undefined ? 0 : last(gatingOutput)),
    topK: options.moeTopk ?? topKIndices?.shape[1] ?? map?.[0] ?? 0,
  };
}

function hiddenOf(rows: HostTensor | undefined): number {
  if (rows === undefined) return 0;
  return rows.shape.length === 1 ? 1 : rows.shape[rows.shape.length - 1];
}
