import {
  type DispatchTensors,
  DTYPES,
  type DType,
  moeDispatch,
  permuteRows,
  planDispatch,
  routeTokens,
} from '@moe-dispatch/core';
import { checkExact, checkPlan, checkRouting, optionsOf } from '../../checks.js';
import { type HostTensor, hostTensor } from '../../host-tensor.js';
import { expectPlan, expectRouting, expectRows } from '../../oracle.js';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { drawn, MODES, Random, randomRows } from '../data.js';

/** The three stages on their own, and in a row against the whole. */
export function stageCases(): ConformanceCase[] {
  return [
    ...MODES.map(stagesAgainstWhole),
    ...planCases(),
    ...(Object.keys(DTYPES) as DType[]).map(vectorCase),
    onePlanCase(),
    foreignPermutationCase(),
    determinismCase(),
  ];
}

type Name = keyof DispatchTensors<never>;

/** moeDispatch gives the same bytes as routeTokens, planDispatch and permuteRows in a row, scales included. */
function stagesAgainstWhole({ name, mode }: (typeof MODES)[number]): ConformanceCase {
  const id = `generated/stages/against-the-whole,${name}`;
  return {
    id,
    run: async (session) => {
      session.requireSizes({ numExperts: 24, topK: 6, tokens: 45, hidden: 7 });
      const random = new Random(id);
      const hostX = randomRows(random, 'float32', [5, 9, 7]);
      const hostGating = drawn('float32', [5, 9, 24], () => 3 * random.normal());
      const x = session.upload(hostX);
      const gating = session.upload(hostGating);
      const options = optionsOf({ moeTopk: 6, ...mode });
      const whole = session.keep(moeDispatch(x, gating, options));
      const routing = routeTokens(gating, options);
      const plan = planDispatch(routing.topKIndices, 24);
      const stages = { ...routing, ...plan, permuteInput: permuteRows(x, plan) };
      for (const tensor of Object.values(stages)) session.keep(tensor);
      for (const tensor of Object.keys(stages) as Name[]) {
        const { shape, dtype } = whole[tensor];
        const expected = { data: await whole[tensor].read(), shape, dtype };
        await checkExact(session, { case: 'stages against moeDispatch', tensor }, stages[tensor], expected);
      }
      const expected = expectRouting(hostGating, { moeTopk: 6, ...mode });
      await checkRouting(session, 'routeTokens', routing, expected);
      await checkPlan(session, 'planDispatch', plan, expectPlan(expected.topKIndices, 24));
    },
  };
}

/** Choices of any router: an expert may come twice in a token, and experts may stay without tokens. */
function planCases(): ConformanceCase[] {
  const plans: {
    name: string;
    tokens: number;
    topK: number;
    numExperts: number;
    draw: (r: Random) => number;
  }[] = [
    { name: 'repeated-experts', tokens: 50, topK: 4, numExperts: 6, draw: (r) => r.below(3) * 2 },
    { name: 'one-expert', tokens: 70, topK: 3, numExperts: 5, draw: () => 4 },
    { name: 'one-of-one', tokens: 5, topK: 1, numExperts: 1, draw: () => 0 },
    { name: 'more-experts-than-rows', tokens: 3, topK: 2, numExperts: 8192, draw: (r) => r.below(8192) },
    { name: 'no-tokens', tokens: 0, topK: 3, numExperts: 7, draw: () => 0 },
    { name: 'all-experts', tokens: 5, topK: 300, numExperts: 300, draw: (r) => r.below(300) },
    { name: 'many-tokens', tokens: 6000, topK: 5, numExperts: 37, draw: (r) => r.below(37) },
    { name: 'last-expert', tokens: 33, topK: 2, numExperts: 256, draw: (r) => 254 + r.below(2) },
  ];
  return plans.map(({ name, tokens, topK, numExperts, draw }) => {
    const id = `generated/plan/${name}`;
    return {
      id,
      run: async (session) => {
        session.requireSizes({ numExperts, topK });
        const random = new Random(id);
        const choices = hostTensor('int32', [tokens, topK]);
        for (let i = 0; i < choices.data.length; i++) choices.data[i] = draw(random);
        const plan = planDispatch(session.upload(choices) as Parameters<typeof planDispatch>[0], numExperts);
        for (const tensor of Object.values(plan)) session.keep(tensor);
        await checkPlan(session, 'planDispatch', plan, expectPlan(choices, numExperts));
      },
    };
  });
}

/** x of rank 1: one element a token, as scales and ids are. */
function vectorCase(dtype: DType): ConformanceCase {
  const id = `generated/permute/vector,dtype=${dtype}`;
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const rows = randomPermutation(random, 3, 21);
      await checkPermute(session, randomRows(random, dtype, [21]), rows);
    },
  };
}

/** One plan moves activations, their quantisation scales and token ids. */
function onePlanCase(): ConformanceCase {
  const id = 'generated/permute/one-plan-many-tensors';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const rows = randomPermutation(random, 2, 30);
      await checkPermute(session, randomRows(random, 'float8_e4m3fn', [30, 33]), rows);
      await checkPermute(session, randomRows(random, 'float32', [5, 6, 3]), rows);
      await checkPermute(session, randomRows(random, 'int64', [30]), rows);
      await checkPermute(session, randomRows(random, 'int8', [30, 0]), rows);
    },
  };
}

/** Any inverse map that is a permutation will do, whoever made it. */
function foreignPermutationCase(): ConformanceCase {
  const id = 'generated/permute/any-permutation';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      for (const [topK, tokens] of [
        [1, 1],
        [1, 200],
        [7, 29],
        [65, 4],
        [3, 0],
      ]) {
        const rows = randomPermutation(random, topK, tokens);
        await checkPermute(session, randomRows(random, 'bfloat16', [tokens, 11]), rows);
      }
    },
  };
}

/** The same call gives the same bytes every time. */
function determinismCase(): ConformanceCase {
  const id = 'generated/stages/same-bytes-every-time';
  return {
    id,
    run: async (session) => {
      session.requireSizes({ numExperts: 40, topK: 5, tokens: 300, hidden: 9, dtype: 'float16' });
      const random = new Random(id);
      const x = session.upload(randomRows(random, 'float16', [300, 9]));
      const gating = session.upload(drawn('float32', [300, 40], () => random.normal()));
      const first = session.keep(moeDispatch(x, gating, { moeTopk: 5 }));
      for (let run = 1; run < 4; run++) {
        const again = session.keep(moeDispatch(x, gating, { moeTopk: 5 }));
        for (const tensor of ['permuteInput', 'permuteIndicesPerToken', 'expertScalesFloat'] as const) {
          const { shape, dtype } = first[tensor];
          const expected = { data: await first[tensor].read(), shape, dtype };
          await checkExact(session, { case: `run ${run} against run 0`, tensor }, again[tensor], expected);
        }
      }
    },
  };
}

async function checkPermute(session: Session, hostX: HostTensor, rows: HostTensor<'int32'>): Promise<void> {
  session.requireSizes({ numExperts: 0, topK: rows.shape[0] });
  const x = session.upload(hostX);
  session.requireTensor([rows.shape[0], ...hostX.shape], hostX.dtype);
  const found = session.keep(permuteRows(x, { permuteIndicesPerToken: session.upload(rows) }));
  const label = `permuteRows of ${hostX.dtype} [${hostX.shape.join(', ')}]`;
  await checkExact(session, { case: label, tensor: 'permuteInput' }, found, expectRows(hostX, rows));
}

function randomPermutation(random: Random, topK: number, tokens: number): HostTensor<'int32'> {
  const rows = hostTensor('int32', [topK, tokens]);
  rows.data.forEach((_, i) => {
    rows.data[i] = i;
  });
  random.shuffle(rows.data);
  return rows;
}
