import {
  isMoeDispatchError,
  type OperationName,
  permuteRows,
  planDispatch,
  type Router,
  type Tensor,
} from '@moe-dispatch/core';
import { checkCall, checkReduceOf } from '../../checks.js';
import { hostTensor } from '../../host-tensor.js';
import type { ReduceInput } from '../../oracle-reduce.js';
import type { Session } from '../../session.js';
import { type ConformanceCase, needing } from '../conformance-case.js';
import { drawn } from '../data.js';
import { checkNextCall } from '../next-call.js';

/** −1 is a choice that goes nowhere (nowhere.ts). */
const OUTSIDE = [-2, 6, 7, 1000, 2 ** 31 - 1, -(2 ** 31)];

/**
 * Index values outside their range. A backend that reads them on the host says INDEX_OUT_OF_RANGE; elsewhere nothing
 * outside a buffer may be touched, a choice of `expertIds` goes nowhere, a row of moeReduce counts as 0, and the backend
 * goes on working.
 */
export function indexCases(): ConformanceCase[] {
  return needing({ numExperts: 6, topK: 2 }, [
    givenCase('given', {}),
    givenCase('given,capacity', { expertCapacity: 2 }),
    givenCase('given,capacity,norm-before-drop', { expertCapacity: 2, normBeforeDrop: true }),
    reduceCase('reduce-rows', (input, bad) => {
      input.permuteIndicesPerToken.data[3] = bad;
      return input;
    }),
    reduceCase('reduce-experts', (input, bad) => {
      input.topKIndices.data[2] = bad;
      return { ...input, ffn2Bias: drawn('float32', [6, 2], (i) => i) };
    }),
    surviveCase('plan', 'planDispatch', (session, bad) => planWith(session, bad, 3)),
    // More than are placed by looking at all of them.
    surviveCase('plan,t=2500', 'planDispatch', (session, bad) => planWith(session, bad, 2500)),
    surviveCase('permute', 'permuteRows', (session, bad) => {
      const rows = hostTensor('int32', [2, 3]);
      rows.data.set([0, 1, bad, 3, 4, 5]);
      const x = session.upload(drawn('float32', [3, 2], (i) => i));
      // With a content of its own, because a row that no index names keeps what it held.
      const out = { permuteInput: session.upload(hostTensor('float32', [6, 2])) };
      return [permuteRows(x, { permuteIndicesPerToken: session.upload(rows) }, { out })];
    }),
  ]);
}

/** 5 tokens, whose choices are given: those that go nowhere queue at no expert, and are no part of the sum. */
function givenCase(name: string, limits: Partial<Router>): ConformanceCase {
  return {
    id: `generated/indices/${name}`,
    run: async (session) => {
      for (const bad of OUTSIDE) {
        const expertIds = hostTensor('int32', [5, 2]);
        expertIds.data.set([0, 1, bad, 0, 0, bad, 5, 0, bad, bad]);
        const gatingOutput = drawn('float32', [5, 6], (i) => Math.sin(i));
        const router: Router = { topK: 2, scoringFunc: 'sigmoid', normTopkProb: true, ...limits };
        const call = {
          operation: 'routeTokens',
          inputs: { gatingOutput, expertIds },
          options: { router },
        } as const;
        await allowIndexError(() => checkCall(session, `expert ${bad}`, call));
      }
      await checkNextCall(session);
    },
  };
}

/** 3 tokens, 2 choices of 6 experts, rows of 2. */
function reduceCase(name: string, spoil: (input: ReduceInput, bad: number) => ReduceInput): ConformanceCase {
  return {
    id: `generated/indices/${name}`,
    run: async (session) => {
      for (const bad of OUTSIDE) {
        const topKIndices = hostTensor('int32', [3, 2]);
        const permuteIndicesPerToken = hostTensor('int32', [2, 3]);
        topKIndices.data.set([0, 1, 2, 3, 4, 5]);
        permuteIndicesPerToken.data.set([0, 2, 4, 1, 3, 5]);
        const base = {
          ffnOut: drawn('float32', [6, 2], (i) => i + 1),
          expertScalesFloat: drawn('float32', [3, 2], (i) => 1 + i / 4),
          permuteIndicesPerToken,
          topKIndices,
        };
        const input = spoil(base, bad);
        await allowIndexError(() => checkReduceOf(session, `index ${bad}`, input));
      }
      await checkNextCall(session);
    },
  };
}

function surviveCase(
  name: string,
  operation: OperationName,
  issue: (session: Session, bad: number) => Tensor[],
): ConformanceCase {
  return {
    id: `generated/indices/${name}`,
    run: async (session) => {
      session.requireOperations(operation);
      for (const bad of OUTSIDE) {
        await allowIndexError(async () => {
          const results = issue(session, bad).map((tensor) => session.keep(tensor));
          for (const tensor of results) await tensor.read();
        });
      }
      await checkNextCall(session);
    },
  };
}

function planWith(session: Session, bad: number, tokens: number): Tensor[] {
  const choices = hostTensor('int32', [tokens, 2]);
  choices.data.fill(bad, 2, 4);
  return Object.values(planDispatch(session.upload(choices) as never, 6));
}

async function allowIndexError(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isMoeDispatchError(error) || error.code !== 'INDEX_OUT_OF_RANGE') throw error;
  }
}
