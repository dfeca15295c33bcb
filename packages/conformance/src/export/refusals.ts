import type { Router } from '@moe-dispatch/core';
import type { TensorName } from '@moe-dispatch/core/backend';
import { BAD_ROUTERS, type BadRouter } from '../cases/errors/bad-routers.js';
import { hostTensor } from '../host-tensor.js';
import { kindsOf } from '../operations/host-call.js';
import type { CallHeader } from '../protocol/request.js';
import type { RecordedCall } from './oracle-backend.js';

/** Routers that say what the protocol cannot, or may. */
const ONLY_IN_JAVASCRIPT = ['beside-moeTopk', 'beside-groupMoe', 'factor-nan', 'selection-of-paddle'];

/** A call that must be refused. */
export interface Refused extends Pick<RecordedCall, 'header' | 'inputs'> {
  readonly error: string;
}

/** The refused call of each case `errors/routers/…` that can be told without JavaScript, by the case's id. */
export function refusedCalls(): Map<string, Refused> {
  const routers = BAD_ROUTERS.filter(([name]) => !ONLY_IN_JAVASCRIPT.includes(name));
  return new Map(routers.map((bad) => [`errors/routers/${bad[0]}`, refusedCall(bad)]));
}

function refusedCall([, error, , options, tensors = []]: BadRouter): Refused {
  const { moeTopk, router = { topK: moeTopk, selection: 'one_per_group' } } = options as {
    moeTopk?: number;
    router?: Router;
  };
  const sizes = { tokens: 4, hidden: 3, numExperts: 6, topK: 2, sharedExperts: 2, dtype: 'float32' } as const;
  const kinds = Object.entries(kindsOf<TensorName>(['gatingOutput', ...tensors], sizes));
  const inputs = Object.fromEntries(
    kinds.map(([name, { dtype, shape }]) => [name, hostTensor(dtype, shape)]),
  );
  const header: CallHeader = { operation: 'routeTokens', router, inputs: [], outputs: [] };
  return { header, inputs, error };
}
