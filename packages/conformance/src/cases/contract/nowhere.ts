import { checkCall } from '../../checks.js';
import { hostTensor } from '../../host-tensor.js';
import { expectPlan } from '../../oracle.js';
import type { ConformanceCase } from '../conformance-case.js';
import { drawn, FLOAT_DTYPES, fromBits, Random, randomRows } from '../data.js';

/** Choices that go nowhere (−1), and those of experts without rows, in the caller's own topKIndices. */
export function nowhereCases(): ConformanceCase[] {
  const draws: readonly [name: string, draw: (random: Random, i: number) => number][] = [
    ['some', (random) => random.below(10) - 1],
    ['most', (random) => (random.below(9) === 0 ? random.below(9) : -1)],
    ['all', () => -1],
    ['first', (random, i) => (i % 3 === 0 ? -1 : random.below(9))],
    ['last', (random, i) => (i % 3 === 2 ? -1 : random.below(9))],
    ['one', (random, i) => (i === 100 ? -1 : random.below(9))],
  ];
  return draws.flatMap(([name, draw]) => [
    ...[40, 2100].map((tokens) => planCase(`${name},t=${tokens}`, tokens, draw)),
    rowsCase(name, draw),
    ...FLOAT_DTYPES.map((dtype) => reduceCase(`${name},dtype=${dtype}`, dtype, draw)),
  ]);
}

/** Nine experts, of which the last two may get no rows; three choices. */
function choices(random: Random, tokens: number, draw: (random: Random, i: number) => number) {
  const topKIndices = hostTensor('int32', [tokens, 3]);
  for (let i = 0; i < topKIndices.data.length; i++) topKIndices.data[i] = draw(random, i);
  return topKIndices;
}

type Draw = (random: Random, i: number) => number;

function planCase(name: string, tokens: number, draw: Draw): ConformanceCase {
  const id = `generated/nowhere/plan,${name}`;
  return {
    id,
    run: async (session) => {
      const topKIndices = choices(new Random(id), tokens, draw);
      for (const zeroExperts of [0, 2]) {
        const options = { numExperts: 9, zeroExperts };
        const call = { operation: 'planDispatch', inputs: { topKIndices }, options } as const;
        await checkCall(session, `${zeroExperts} zero experts`, call);
      }
    },
  };
}

/** Rows of every width in which they are copied; with weights, and single elements. */
function rowsCase(name: string, draw: Draw): ConformanceCase {
  const id = `generated/nowhere/rows,${name}`;
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const { permuteIndicesPerToken } = expectPlan(choices(random, 40, draw), 9, 2);
      const permute = (label: string, inputs: object) => {
        const call = { inputs: { permuteIndicesPerToken, ...inputs }, options: {} };
        return checkCall(session, label, { operation: 'permuteRows', ...call });
      };
      for (const [dtype, hidden] of [
        ['float32', 5],
        ['uint8', 3],
        ['float16', 7],
        ['int64', 300],
        ['bfloat16', 4099],
      ] as const) {
        await permute(`${dtype} [40, ${hidden}]`, { x: randomRows(random, dtype, [40, hidden]) });
      }
      await permute('int32 [40]', { x: randomRows(random, 'int32', [40]) });
      session.requireExact();
      const expertScalesFloat = drawn('float32', [40, 3], () => random.normal());
      for (const dtype of FLOAT_DTYPES) {
        const x = drawn(dtype, [40, 6], () => random.normal());
        await permute(`weighed ${dtype}`, { x, expertScalesFloat });
      }
      const x = drawn('bfloat16', [40, 6], () => random.normal());
      // Cut off at 16 bits, these are infinities.
      const nans = fromBits([40, 3], () => 0x7f800001);
      await permute('weighed by NaN', { x, expertScalesFloat: nans });
      await permute('weighed [40]', { x: drawn('float16', [40], () => random.normal()), expertScalesFloat });
      await permute('weighed, any bits', { x: randomRows(random, 'bfloat16', [40, 6]), expertScalesFloat });
    },
  };
}

function reduceCase(name: string, dtype: (typeof FLOAT_DTYPES)[number], draw: Draw): ConformanceCase {
  const id = `generated/nowhere/reduce,${name}`;
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const topKIndices = choices(random, 40, draw);
      const { permuteIndicesPerToken, expertOffsets } = expectPlan(topKIndices, 9, 2);
      const rows = expertOffsets.data[7];
      const floats = (shape: number[]) => drawn(dtype, shape, () => random.normal());
      const inputs = {
        // Beyond the last row there may be anything.
        ffnOut: drawn(dtype, [120, 6], (i) => (i < rows * 6 ? random.normal() : Number.NaN)),
        // A user's own need not be 0.
        expertScalesFloat: drawn('float32', [40, 3], () => random.uniform()),
        permuteIndicesPerToken,
        topKIndices,
      };
      const reduce = (label: string, more: object, options: object = {}) =>
        checkCall(session, label, { operation: 'moeReduce', inputs: { ...inputs, ...more }, options });
      await reduce('nothing else', {});
      await reduce('bias', { ffn2Bias: floats([9, 6]) });
      await reduce('norm', {}, { normTopkProb: true, routedScalingFactor: 2.5 });
      await reduce('identity experts', { x: floats([40, 6]) });
      const { data } = topKIndices;
      const noRows = (row: number, i: number) => (data[(i % 40) * 3 + Math.floor(i / 40)] === 0 ? -1 : row);
      const map = { ...permuteIndicesPerToken, data: permuteIndicesPerToken.data.map(noRows) };
      await reduce('expert 0 has no rows', { x: floats([40, 6]), permuteIndicesPerToken: map });
      await reduce('identity experts, bias', { x: floats([40, 6]), ffn2Bias: floats([9, 6]) });
      await reduce('weights of 1', {}, { applyRouterWeightOnInput: true, routedScalingFactor: 1.5 });
    },
  };
}
