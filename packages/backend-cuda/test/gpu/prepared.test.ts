import {
  moeDispatch,
  moeReduce,
  type OperationName,
  type Outputs,
  permuteRows,
  planDispatch,
  prepare,
  routeTokens,
} from '@moe-dispatch/core';
import { OPERATIONS } from '@moe-dispatch/core/backend';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CudaBackend, type CudaTensor, cuda } from '../../src/index.js';
import { type Harness, loadHarness } from '../support/harness.js';
import { disposeAll, Words } from '../support/problem.js';

const [HIDDEN, EXPERTS, TOP_K] = [72, 64, 6];
const MOST = 2000;
/** Below them all paths of a dispatch, and no tokens at all. */
const TOKENS = [MOST, 1, 5, 0, 700, MOST - 1, MOST];
const SIZES = { tokens: MOST, hidden: HIDDEN, numExperts: EXPERTS, moeTopk: TOP_K };

let harness: Harness;
let backend: CudaBackend;
beforeAll(async () => {
  harness = loadHarness();
  backend = await cuda().create();
});
afterAll(() => backend.dispose());

type Tensors = Record<string, CudaTensor>;

/** Inputs of every operation. */
function makeInputs(tokens: number, words: Words): { x: CudaTensor; gating: CudaTensor; bias: CudaTensor } {
  return {
    x: backend.tensor(words.uint16(tokens * HIDDEN), [tokens, HIDDEN], 'bfloat16'),
    gating: backend.tensor(words.floats(tokens * EXPERTS), [tokens, EXPERTS], 'float32'),
    bias: backend.tensor(words.uint16(EXPERTS * HIDDEN), [EXPERTS, HIDDEN], 'bfloat16'),
  };
}

/** How each operation is prepared, what a run takes, and what the plain call gives. */
function describeOperation(operation: OperationName, words: Words) {
  const { tokens, hidden, numExperts, moeTopk } = SIZES;
  const dtype = 'bfloat16' as const;
  const rest = { normTopkProb: true, routedScalingFactor: 2.5 };
  const options = {
    moeDispatch: { ...SIZES, dtype },
    routeTokens: { tokens, numExperts, moeTopk },
    planDispatch: { tokens, numExperts, moeTopk },
    permuteRows: { tokens, hidden, moeTopk, dtype },
    moeReduce: { ...SIZES, dtype, ...rest },
  }[operation];
  const problem = (count: number) => {
    const { x, gating, bias } = makeInputs(count, words);
    const all = moeDispatch(x, gating, { moeTopk });
    const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = all;
    const inputs = {
      moeDispatch: [x, gating],
      routeTokens: [gating],
      planDispatch: [topKIndices],
      permuteRows: [x, permuteIndicesPerToken],
      moeReduce: [permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, bias],
    }[operation];
    const expected = {
      moeDispatch: () => all,
      routeTokens: () => routeTokens(gating, { moeTopk }),
      planDispatch: () => planDispatch(topKIndices, numExperts),
      permuteRows: () => ({ permuteInput: permuteRows(x, all) }),
      moeReduce: () => ({ output: moeReduce(permuteInput, all, { ...rest, ffn2Bias: bias }) }),
    }[operation]() as unknown as Tensors;
    return { inputs, expected, disposeInputs: () => disposeAll(x, gating, bias, all) };
  };
  return { options: options as never, problem };
}

async function expectSame(found: Tensors, expected: Tensors, label: string): Promise<void> {
  for (const [name, tensor] of Object.entries(expected)) {
    const [a, b] = [await found[name]!.read(), await tensor.read()];
    expect(Buffer.from(a.buffer).equals(Buffer.from(b.buffer)), `${label}: ${name}`).toBe(true);
  }
}

describe.each(Object.keys(OPERATIONS) as OperationName[])('%s, prepared', (operation) => {
  it('gives the bytes of the plain call for any number of tokens up to the one it is prepared for', async () => {
    const { options, problem } = describeOperation(operation, new Words(11));
    const prepared = prepare(backend, operation, options);
    for (const tokens of TOKENS) {
      const { inputs, expected, disposeInputs } = problem(tokens);
      const out = prepared.outputs(tokens);
      (prepared.run as (...values: unknown[]) => void)(...inputs, out as unknown as Outputs<OperationName>);
      await expectSame(out as unknown as Tensors, expected, `${tokens} tokens`);
      disposeAll(out, expected);
      disposeInputs();
    }
    prepared.dispose();
    expect(backend.memory().liveTensors).toBe(0);
  });

  it('launches kernels and nothing else, the first time that it runs with so many tokens too', async () => {
    const { options, problem } = describeOperation(operation, new Words(12));
    const prepared = prepare(backend, operation, options);
    const problems = [MOST, 3, 800].map((tokens) => ({ tokens, ...problem(tokens) }));
    const stream = harness.createStream();
    for (const { tokens, inputs, expected, disposeInputs } of problems) {
      const out = prepared.outputs(tokens);
      const scope = backend.withStream(stream);
      harness.beginCapture(stream);
      (prepared.run as (...values: unknown[]) => void)(...inputs, out as unknown as Outputs<OperationName>);
      const { graph, kernels, others } = harness.endCapture(stream);
      expect(others).toBe(0);
      expect(kernels).toBeGreaterThan(0);
      harness.launchGraph(graph, stream);
      harness.synchronize(stream);
      scope.end();
      await expectSame(out as unknown as Tensors, expected, `${tokens} tokens`);
      harness.destroyGraph(graph);
      disposeAll(out, expected);
      disposeInputs();
    }
    harness.destroyStream(stream);
    prepared.dispose();
  });
});
