import { DTYPES, type DType, moeDispatch, permuteRows, planDispatch, routeTokens } from '@moe-dispatch/core';
import { STAGES } from '@moe-dispatch/core/backend';
import { checkCall, checkDispatch, requireDispatch } from '../../checks.js';
import { compareByStage } from '../../compare-by-stage.js';
import { type HostTensor, hostTensor } from '../../host-tensor.js';
import { routingOptions } from '../../operations/host-call.js';
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

/** moeDispatch gives the same bytes as routeTokens, planDispatch and permuteRows in a row, scales included. */
function stagesAgainstWhole({ name, mode }: (typeof MODES)[number]): ConformanceCase {
  const id = `generated/stages/against-the-whole,${name}`;
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const input = {
        x: randomRows(random, 'float32', [5, 9, 7]),
        gatingOutput: drawn('float32', [5, 9, 24], () => 3 * random.normal()),
        moeTopk: 6,
        ...mode,
      };
      requireDispatch(session, input);
      session.requireOperations(...STAGES);
      const [x, gatingOutput] = [session.upload(input.x), session.upload(input.gatingOutput)];
      const options = routingOptions(input);
      const whole = session.keep(moeDispatch(x, gatingOutput, options));
      const routing = routeTokens(gatingOutput, options);
      const plan = planDispatch(routing.topKIndices, 24);
      const stages = { ...routing, ...plan, permuteInput: permuteRows(x, plan) };
      for (const tensor of Object.values(stages)) session.keep(tensor);
      await checkDispatch(session, 'the stages in a row', stages, input);
      await compareByStage(session, 'stages against moeDispatch', stages, whole);
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
        const random = new Random(id);
        const topKIndices = hostTensor('int32', [tokens, topK]);
        for (let i = 0; i < topKIndices.data.length; i++) topKIndices.data[i] = draw(random);
        const call = { operation: 'planDispatch', inputs: { topKIndices }, options: { numExperts } } as const;
        await checkCall(session, 'planDispatch', call);
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

/** Any inverse map that is a permutation is valid, whoever made it. */
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
      session.requireOperations('moeDispatch');
      session.requireSizes({ numExperts: 40, topK: 5, tokens: 300, hidden: 9, dtype: 'float16' });
      const random = new Random(id);
      const x = session.upload(randomRows(random, 'float16', [300, 9]));
      const gatingOutput = session.upload(drawn('float32', [300, 40], () => random.normal()));
      const first = session.keep(moeDispatch(x, gatingOutput, { moeTopk: 5 }));
      for (let run = 1; run < 4; run++) {
        const again = session.keep(moeDispatch(x, gatingOutput, { moeTopk: 5 }));
        await compareByStage(session, `run ${run} against run 0`, again, first);
      }
      session.noteAgreement({ repeatable: session.differences.length === 0 });
    },
  };
}

function checkPermute(session: Session, x: HostTensor, rows: HostTensor<'int32'>): Promise<void> {
  const inputs = { x, permuteIndicesPerToken: rows };
  const label = `permuteRows of ${x.dtype} [${x.shape.join(', ')}]`;
  return checkCall(session, label, { operation: 'permuteRows', inputs, options: {} });
}

function randomPermutation(random: Random, topK: number, tokens: number): HostTensor<'int32'> {
  const rows = hostTensor('int32', [topK, tokens]);
  rows.data.forEach((_, i) => {
    rows.data[i] = i;
  });
  random.shuffle(rows.data);
  return rows;
}
