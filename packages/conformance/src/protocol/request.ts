import { DTYPES, type Tensor } from '@moe-dispatch/core';
import {
  type AttributeName,
  type Attributes,
  OPERATIONS,
  type OperationEntry,
  type OperationName,
  ROUTER_DEFAULTS,
  type Spec,
  type TensorName,
  tensorDType,
  tensorShape,
} from '@moe-dispatch/core/backend';
import { elementCount } from '../host-tensor.js';
import type { Request, RequestAttributes, TensorHeader } from './messages.js';

/** A call as core hands it to a backend, its tensors by name. */
export type FlatCall = Spec & Partial<Attributes> & { readonly [Name in TensorName]?: Tensor | null };

/** What of a request its operation and its sizes tell. */
export type CallHeader = Omit<Request, 'id'>;

/** The call as a request. x [B, S, D] is [T, D] in it, and x [T] is [T, 1]. */
export function headerOf(operation: OperationName, call: FlatCall): CallHeader {
  const { inputs, optional, named, outputs }: OperationEntry = OPERATIONS[operation];
  const given = [...inputs, ...optional, ...named].filter((name) => isGiven(operation, call, name));
  const routes = operation === 'moeDispatch' || operation === 'routeTokens';
  return {
    operation,
    ...(routes ? { router: routerOf(call) } : { attributes: attributesOf(operation, call) }),
    inputs: given.map((name) => tensorHeader(name, call)),
    outputs: outputs.map((name) => tensorHeader(name, call)),
  };
}

/** In a whole dispatch, permuteRows finds weights in the call even where it is not to use them. */
function isGiven(operation: OperationName, call: FlatCall, name: TensorName): boolean {
  if (operation === 'permuteRows' && name === 'expertScalesFloat')
    return call.applyRouterWeightOnInput === true;
  return (call[name] ?? null) !== null;
}

function tensorHeader(name: TensorName, call: FlatCall): TensorHeader {
  const [dtype, shape] = [tensorDType(name, call), tensorShape(name, call)];
  return { name, dtype, shape, bytes: elementCount(shape) * DTYPES[dtype].bytes };
}

/** Options that a router names as attributes do. */
const PLAIN_OPTIONS = [
  'scoringFunc',
  'normTopkProb',
  'normEps',
  'routedScalingFactor',
  'applyRouterWeightOnInput',
  'jitterEps',
  'expertCapacity',
  'dropPolicy',
  'normBeforeDrop',
] as const satisfies AttributeName[];

/** The attributes as a router, without what is as by default. Paddle's groupMoe is the selection `one_per_group`. */
export function routerOf(call: Omit<Spec<'routeTokens'>, 'dtype' | 'gatingDtype' | 'tensors'>): object {
  const { topK, selection, nGroup, topkGroup, groupScoreFunc, zeroExperts, zeroExpertKind } = call;
  const said = PLAIN_OPTIONS.filter((name) => call[name] !== ROUTER_DEFAULTS[name]);
  const ranked = selection === 'topk' && nGroup > 1;
  return {
    topK,
    ...Object.fromEntries(said.map((name) => [name, call[name]])),
    // Where experts are given, there is a tensor that says so.
    ...(selection === 'topk' || selection === 'given' ? {} : { selection }),
    ...(ranked ? { nGroup, topkGroup, groupScoreFunc } : {}),
    ...(zeroExperts > 0 ? { zeroExperts: { count: zeroExperts, kind: zeroExpertKind } } : {}),
  };
}

function attributesOf(operation: OperationName, call: FlatCall): RequestAttributes {
  if (operation === 'planDispatch') {
    const { numExperts, zeroExperts } = call;
    return { numExperts, zeroExperts };
  }
  // permuteRows is given the weights or not.
  if (operation !== 'moeReduce') return {};
  const { normTopkProb, routedScalingFactor, applyRouterWeightOnInput } =
    call as unknown as Spec<'moeReduce'>;
  return { normTopkProb, routedScalingFactor, applyRouterWeightOnInput };
}
