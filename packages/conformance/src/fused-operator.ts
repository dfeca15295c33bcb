import type { BackendFactory } from '@moe-dispatch/core';
import { weightBound } from './bounds.js';
import { ConformanceError } from './conformance-error.js';
import { hostTensor } from './host-tensor.js';
import { type ExpectedRouting, expectRouting } from './oracle-router.js';
import {
  type Implementation,
  type RoutingCall,
  type RoutingChoices,
  routingBackend,
} from './routing-backend.js';

/** One call of a fused operator. All weights and the first bias of its experts are 0. */
export interface FusedCall extends RoutingCall {
  /** D, a multiple of `hiddenMultiple`, at least E */
  readonly hidden: number;
  /** [T, D] */
  readonly x: Float32Array<ArrayBuffer>;
  /** [E, D], one-hot: row e, the bias of the output of expert e, is 1 in column e */
  readonly outputBias: Float32Array<ArrayBuffer>;
}

/** An operator that takes tokens and logits, and gives only the weighted sum of the experts' outputs. */
export interface FusedOperator extends Implementation {
  /** What the hidden size must be a multiple of. Default 1. */
  readonly hiddenMultiple?: number;
  /** @returns y [T, D] in float32 */
  run(call: FusedCall): Float32Array<ArrayBuffer> | Promise<Float32Array<ArrayBuffer>>;
}

/**
 * A backend whose `routeTokens` shows how a fused operator routes. With zero weights and one-hot output biases,
 * y[t, e] is the weight that token t gave to expert e.
 *
 * y does not show everything. The order of a token's choices, and those that weigh nothing, are taken from the contract:
 * neither can change a sum. A choice that should weigh something and does not show is −1 with weight 0. A row of y that is
 * no sum of at most K biases gives choices of −1 with weight NaN.
 */
export function fusedBackend(operator: FusedOperator): BackendFactory {
  const { name, device, maxExperts, router } = operator;
  return routingBackend({
    name,
    device,
    maxExperts,
    router,
    route: (call) => routeByProbe(operator, call),
    dispose: () => operator.dispose?.(),
  });
}

/**
 * The choices and weights of one call of the operator.
 * @throws ConformanceError if y has the wrong length; what the operator throws
 */
export async function routeByProbe(operator: FusedOperator, call: RoutingCall): Promise<RoutingChoices> {
  const { tokens, numExperts, topK, logits } = call;
  const { hiddenMultiple = 1, router } = operator;
  const hidden = Math.ceil(numExperts / hiddenMultiple) * hiddenMultiple;
  const outputBias = new Float32Array(numExperts * hidden);
  for (let e = 0; e < numExperts; e++) outputBias[e * hidden + e] = 1;
  const x = new Float32Array(tokens * hidden).fill(1);
  const y = await operator.run({ ...call, hidden, x, outputBias });
  if (y.length !== tokens * hidden) {
    throw new ConformanceError(
      `y of ${operator.name}: expected ${tokens * hidden} elements, found ${y.length}`,
    );
  }
  const gatingOutput = { dtype: 'float32', shape: [tokens, numExperts], data: logits } as const;
  const expected = expectRouting({ gatingOutput }, { router: { topK, ...router } });
  const topKIndices = hostTensor('int32', [tokens, topK]).data;
  const expertScalesFloat = hostTensor('float32', [tokens, topK]).data;
  for (let t = 0; t < tokens; t++) {
    const row = y.subarray(t * hidden, (t + 1) * hidden);
    const choices = readRow(row, numExperts, tokenOf(expected, t, topK));
    choices.forEach(({ expert, weight }, k) => {
      topKIndices[t * topK + k] = expert;
      expertScalesFloat[t * topK + k] = weight;
    });
  }
  return { topKIndices, expertScalesFloat };
}

interface Choice {
  readonly expert: number;
  readonly weight: number;
}

interface ExpectedChoice extends Choice {
  /** Whether it may show as a weight of 0. */
  readonly isNothing: boolean;
}

function tokenOf(expected: ExpectedRouting, token: number, topK: number): ExpectedChoice[] {
  return Array.from({ length: topK }, (_, k) => {
    const i = token * topK + k;
    const weight = expected.expertScalesFloat.data[i];
    const isNothing = Math.abs(weight) <= weightBound(weight, expected.gaps[i]);
    return { expert: expected.topKIndices.data[i], weight, isNothing };
  });
}

/** A token's choices, each that the contract makes too at the contract's place. */
function readRow(row: Float32Array, numExperts: number, expected: readonly ExpectedChoice[]): Choice[] {
  const shown = new Map<number, number>();
  row.forEach((weight, column) => {
    if (weight !== 0) shown.set(column, weight);
  });
  const isSum = [...shown].every(([column, weight]) => column < numExperts && Number.isFinite(weight));
  if (!isSum || shown.size > expected.length) return expected.map(() => ({ expert: -1, weight: Number.NaN }));
  const agreed = expected.map(({ expert }) => {
    const weight = shown.get(expert);
    shown.delete(expert);
    return weight === undefined ? undefined : { expert, weight };
  });
  const others = [...shown].sort(([, a], [, b]) => b - a).map(([expert, weight]) => ({ expert, weight }));
  const unseen = ({ expert, isNothing }: ExpectedChoice) => ({ expert: isNothing ? expert : -1, weight: 0 });
  return agreed.map((choice, k) => choice ?? others.shift() ?? unseen(expected[k]));
}
