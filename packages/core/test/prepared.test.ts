import { describe, expect, it } from 'vitest';
import { moeDispatch, prepare, prepareDispatch } from '../src/index.js';
import { StubBackend } from './stub-backend.js';

const SIZES = { tokens: 5, hidden: 4, numExperts: 8, moeTopk: 2, dtype: 'float32' } as const;

function setUp() {
  const backend = new StubBackend();
  const x = backend.empty([3, 4], 'float32');
  const gatingOutput = backend.empty([3, 8], 'float32');
  return { backend, stub: backend.stub, x, gatingOutput };
}

const error = (code: string, argument?: string) =>
  expect.objectContaining(argument === undefined ? { code } : { code, argument });

/** The same outputs, of which one does something when it is read. */
function withGetter<O extends { readonly permuteInput: unknown }>(out: O, act: () => void): O {
  return {
    ...out,
    get permuteInput() {
      act();
      return out.permuteInput;
    },
  };
}

describe('a prepared operation', () => {
  it('serves each operation of the table', () => {
    const { backend, stub, x, gatingOutput } = setUp();
    const route = prepare(backend, 'routeTokens', {
      tokens: 5,
      numExperts: 8,
      moeTopk: 2,
      topkOnlyMode: true,
    });
    const routing = route.outputs(3);
    route.run(gatingOutput, routing);
    const plan = prepare(backend, 'planDispatch', { tokens: 5, numExperts: 8, moeTopk: 2 });
    const planned = plan.outputs(3);
    plan.run(routing.topKIndices, planned);
    const permute = prepare(backend, 'permuteRows', { tokens: 5, hidden: 4, moeTopk: 2, dtype: 'float32' });
    const permuted = permute.outputs(3);
    permute.run(x, planned.permuteIndicesPerToken, permuted);
    const reduce = prepare(backend, 'moeReduce', { ...SIZES, normTopkProb: true, routedScalingFactor: 3 });
    const { output } = reduce.outputs(3);
    const bias = backend.empty([8, 4], 'float32');
    const { expertScalesFloat, topKIndices } = routing;
    reduce.run(permuted.permuteInput, expertScalesFloat, planned.permuteIndicesPerToken, topKIndices, bias, {
      output,
    });
    expect(stub.calls).toEqual(['routeTokens', 'planDispatch', 'permuteRows', 'moeReduce']);
    expect(stub.seen[0]).toMatchObject({
      scoringFunc: 'none',
      selection: 'topk',
      tokens: 3,
      topK: 2,
      gatingOutput,
    });
    expect(stub.seen[3]).toMatchObject({
      normTopkProb: true,
      routedScalingFactor: 3,
      ffn2Bias: bias,
      output,
    });
  });

  it.each([0, 1, 3, 5])('takes %i of up to 5 tokens', (tokens) => {
    const { backend, stub } = setUp();
    const prepared = prepareDispatch(backend, SIZES);
    const x = backend.empty([tokens, 4], 'float32');
    const out = prepared.outputs(tokens);
    expect(out.permuteInput.shape).toEqual([2 * tokens, 4]);
    prepared.run(x, backend.empty([tokens, 8], 'float32'), out);
    expect(stub.seen.at(-1)).toMatchObject({ tokens, x });
    const live = backend.memory().liveTensors;
    out.dispose();
    expect(backend.memory().liveTensors).toBe(live - 6);
  });

  it('refuses what it was not prepared for', () => {
    const { backend, stub, x, gatingOutput } = setUp();
    const prepared = prepareDispatch(backend, SIZES);
    const out = prepared.outputs(3);
    const rows = (shape: number[], dtype: 'float32' | 'int32' = 'float32') => backend.empty(shape, dtype);
    const run =
      (...tensors: unknown[]) =>
      () =>
        prepared.run(...(tensors as [never, never, never]));
    expect(run(rows([6, 4]), rows([6, 8]), out)).toThrow(error('TOKEN_COUNT_MISMATCH', 'x'));
    expect(run(rows([3, 5]), gatingOutput, out)).toThrow(error('INVALID_SHAPE', 'x'));
    expect(run(x, rows([3, 7]), out)).toThrow(error('INVALID_SHAPE', 'gatingOutput'));
    expect(run(x, rows([2, 8]), out)).toThrow(error('TOKEN_COUNT_MISMATCH', 'gatingOutput'));
    expect(run(rows([3, 4], 'int32'), gatingOutput, out)).toThrow(error('UNSUPPORTED_DTYPE', 'x'));
    expect(run(x, gatingOutput, prepared.outputs())).toThrow(error('INVALID_SHAPE', 'out.permuteInput'));
    expect(run(x, gatingOutput, { ...out, topKIndices: undefined })).toThrow(
      error('INVALID_ARGUMENT', 'out.topKIndices'),
    );
    expect(run(x, gatingOutput, { ...out, permuteInput: out.expertScalesFloat })).toThrow(
      error('INVALID_SHAPE', 'out.permuteInput'),
    );
    expect(run(x, gatingOutput)).toThrow(error('INVALID_ARGUMENT', 'out'));
    expect(run(x)).toThrow(error('INVALID_ARGUMENT', 'out'));
    expect(() => prepared.outputs(6)).toThrow(error('INVALID_ARGUMENT', 'tokens'));
    expect(stub.calls).toEqual([]);
    prepared.run(x, gatingOutput, out);
    expect(stub.calls).toHaveLength(3);
  });

  it('needs a bias if it was prepared for one, and none otherwise', () => {
    const { backend, x, gatingOutput } = setUp();
    const out = moeDispatch(x, gatingOutput, { moeTopk: 2 });
    const run = (numExperts: number, bias: unknown) => () => {
      const prepared = prepare(backend, 'moeReduce', { ...SIZES, numExperts });
      const { expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
      prepared.run(
        out.permuteInput,
        expertScalesFloat,
        permuteIndicesPerToken,
        topKIndices,
        bias as never,
        prepared.outputs(3),
      );
    };
    run(0, null)();
    run(8, backend.empty([8, 4], 'float32'))();
    expect(run(0, backend.empty([8, 4], 'float32'))).toThrow(error('INVALID_SHAPE', 'ffn2Bias'));
    expect(run(8, null)).toThrow(error('INVALID_SHAPE', 'ffn2Bias'));
  });

  it('is not entered again by a getter of its own run', () => {
    const { backend, stub, x, gatingOutput } = setUp();
    const prepared = prepareDispatch(backend, SIZES);
    const out = prepared.outputs(3);
    const hostile = withGetter(out, () => prepared.run(x, gatingOutput, out));
    expect(() => prepared.run(x, gatingOutput, hostile)).toThrow(error('INVALID_ARGUMENT', 'this'));
    prepared.run(x, gatingOutput, out);
    expect(stub.calls).toHaveLength(3);
  });

  it('that a getter of its run disposes does not run', () => {
    const { backend, stub, x, gatingOutput } = setUp();
    const prepared = prepareDispatch(backend, SIZES);
    const out = prepared.outputs(3);
    const hostile = withGetter(out, () => prepared.dispose());
    expect(() => prepared.run(x, gatingOutput, hostile)).toThrow(error('PREPARED_DISPOSED', 'this'));
    expect(stub.calls).toEqual([]);
  });

  it('takes no tensor of a name that it does not know', () => {
    const { backend, x, gatingOutput } = setUp();
    const prepared = prepareDispatch(backend, SIZES);
    const tensors = { token_mask: backend.empty([3], 'uint8') } as object;
    expect(() => prepared.run(x, gatingOutput, prepared.outputs(3), tensors)).toThrow(
      error('INVALID_ARGUMENT', 'tensors.token_mask'),
    );
  });

  it.each([[['moeDispatch']], [{ toString: () => 'moeDispatch' }], [Object.create(null)]])(
    'is of an operation named by a string, not %o',
    (operation) => {
      expect(() => prepare(setUp().backend, operation as never, SIZES as never)).toThrow(
        error('INVALID_ARGUMENT', 'operation'),
      );
    },
  );

  it('takes a list of tensors without holes', () => {
    const tensors = new Array(1);
    expect(() => prepareDispatch(setUp().backend, { ...SIZES, tensors })).toThrow(
      error('INVALID_ARGUMENT', 'tensors'),
    );
  });

  it('ends with dispose', () => {
    const { backend, x, gatingOutput } = setUp();
    const prepared = prepareDispatch(backend, SIZES);
    const out = prepared.outputs(3);
    prepared.dispose();
    prepared.dispose();
    expect(() => prepared.run(x, gatingOutput, out)).toThrow(error('PREPARED_DISPOSED', 'this'));
    expect(() => prepared.outputs()).toThrow(error('PREPARED_DISPOSED', 'this'));
  });
});
