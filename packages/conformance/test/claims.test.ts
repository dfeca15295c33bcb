import { type Backend, type DType, InvalidArgumentError } from '@moe-dispatch/core';
import { invalid } from '@moe-dispatch/core/backend';
import { describe, expect, it } from 'vitest';
import { runConformance, typedArrayMemory } from '../src/index.js';
import { type Replaced, reference, referenceContract } from './reference-backend.js';
import { replaceOperation, sabotaged } from './sabotage.js';

/* A backend is held to its `info`, and to nothing else. */

const OPERATIONS = ['routeTokens', 'planDispatch', 'permuteRows', 'moeReduce'] as const;

/** Throws if it is asked for more than these sizes, as a backend with small tables would. */
function small(mostExperts: number, mostChoices: number, limits: Replaced['limits']) {
  const replaced = limits === undefined ? {} : { limits };
  return sabotaged((contract) => {
    for (const name of OPERATIONS) {
      replaceOperation(contract, name, (call, original) => {
        if (call.numExperts > mostExperts || call.topK > mostChoices) throw new Error('too many');
        original(call);
      });
    }
  }, replaced);
}

async function failures(factory: Parameters<typeof runConformance>[0], filter = '') {
  const report = await runConformance(factory, { random: 10, filter });
  const failed = report.cases.filter(({ status }) => status === 'failed').map(({ id }) => id);
  const reasons = new Map(report.cases.map(({ id, reason }) => [id, reason]));
  return { ...report.totals, failed, reasons, report };
}

const maxTensorBytes = 2 ** 30;

describe('what info does not claim', () => {
  it('is not claimed: experts and choices', async () => {
    const limits = { maxTensorBytes, maxExperts: 6, maxTopK: 2 };
    const { failed, passed, notClaimed } = await failures(small(6, 2, limits));
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(200);
    expect(notClaimed).toBeGreaterThan(200);
  });

  it('is not claimed: choices alone', async () => {
    const limits = { maxTensorBytes, maxExperts: 2 ** 16, maxTopK: 1 };
    const { failed, passed, reasons } = await failures(small(2 ** 16, 1, limits));
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(10);
    expect(reasons.get('generated/experts/e=8,k=2')).toBe('2 choices per token; maxTopK is 1');
    expect(reasons.get('generated/experts/e=8,k=1')).toBeUndefined();
  });

  it.each([
    ['experts', 8192, '8216 experts; maxExperts is 8192'],
    ['topk-only', 8215, '8216 experts; maxExperts is 8215'],
  ])('is not claimed: more than 8192 choices (%s)', async (group, maxExperts, reason) => {
    const limits = { maxTensorBytes, maxExperts };
    const { report } = await failures(reference({}, { limits }), `generated/${group}/e=8216,k=8200`);
    expect(report.cases.map(({ status, reason }) => [status, reason])).toEqual([['not claimed', reason]]);
  });

  it('is not claimed: large tensors', async () => {
    const limits = { maxTensorBytes: 2048, maxExperts: 2 ** 16 };
    const { failed, passed, reasons } = await failures(reference({}, { limits }));
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(300);
    expect(reasons.get('generated/large/t=5000,e=64,k=6')).toMatch(
      /^a tensor of \d+ bytes; maxTensorBytes is 2048$/,
    );
  });

  it('is not claimed: dtypes and wrap', async () => {
    const dtypes: DType[] = ['float32', 'int32', 'int64'];
    const factory = sabotaged((contract) => Object.assign(contract, { adopt: undefined }), { dtypes });
    const { failed, report } = await failures(factory);
    expect(failed).toEqual([]);
    const notClaimed = report.cases.filter(({ status }) => status === 'not claimed');
    const reasons = notClaimed.map(({ reason }) => reason);
    expect(reasons).toContain('dtype bfloat16');
    expect(reasons.filter((reason) => reason === 'wrap')).toHaveLength(
      report.cases.filter(({ id }) => /^(generated|errors)\/wrap\//.test(id)).length,
    );
  });

  it.each([[['int32', 'int64', 'uint8']], [['bfloat16']], [[]]] as DType[][][])(
    'a backend that claims no float32 is asked for nothing: %j',
    async (dtypes) => {
      const { failed, notClaimed } = await failures(reference({}, { dtypes }), 'random/');
      expect(failed).toEqual([]);
      expect(notClaimed).toBe(10);
    },
  );
});

describe('operations', () => {
  /** The reference backend with some operations only. */
  function only(...names: (typeof OPERATIONS)[number][]) {
    const { operations } = referenceContract();
    return reference({}, { operations: Object.fromEntries(names.map((name) => [name, operations[name]])) });
  }

  it('of a backend with routeTokens alone: it is asked for nothing else', async () => {
    const { failed, passed, reasons, report } = await failures(only('routeTokens'));
    expect(failed).toEqual([]);
    expect(report.backend.operations).toEqual(['routeTokens']);
    expect(reasons.get('golden/softmax-e8-k2-f32')).toBe('moeDispatch');
    expect(reasons.get('generated/plan/one-expert')).toBe('planDispatch');
    expect(reasons.get('random/seed=1')).toBe('moeReduce');
    const asked = report.cases.filter(({ status }) => status === 'passed').map(({ id }) => id);
    expect(asked).toEqual(
      expect.arrayContaining([
        'errors/routeTokens/topk-zero',
        'errors/undeclared/every-operation',
        'generated/prepared/routeTokens,up-to-t=29',
        'generated/lifetime/memory-counts',
      ]),
    );
    expect(passed).toBeGreaterThan(40);
  });

  it('of a backend without moeReduce: all else is checked', async () => {
    const { failed, notClaimed, reasons, report } = await failures(
      only('routeTokens', 'planDispatch', 'permuteRows'),
    );
    expect(failed).toEqual([]);
    expect(report.backend.operations).toContain('moeDispatch');
    expect(notClaimed).toBeGreaterThan(100);
    const others = new Set([...reasons.values()].filter((reason) => reason !== undefined));
    expect([...others]).toEqual(['moeReduce']);
    expect(reasons.get('random/seed=1')).toBeUndefined();
  });

  it('that a fixture needs besides: what is checked before is still wrong', async () => {
    const replaced = { operations: { ...referenceContract({ prefixSumAsCounts: true }).operations } };
    delete replaced.operations.moeReduce;
    const { failed } = await failures(reference({}, replaced), 'golden/softmax-e8-k2-f32');
    expect(failed).toEqual(['golden/softmax-e8-k2-f32']);
  });

  it.each(['routeTokens', 'moeReduce'] as const)(
    'a declared one that refuses its calls fails: %s',
    async (name) => {
      const factory = sabotaged((contract) =>
        replaceOperation(contract, name, () => {
          const details = { argument: 'backend', found: 'none', expected: `one with ${name}` };
          throw new InvalidArgumentError('UNSUPPORTED_OPERATION', details);
        }),
      );
      const filter = { routeTokens: 'generated/tokens/t=33', moeReduce: 'generated/reduce/any-rows' }[name];
      expect((await failures(factory, filter)).failed).toEqual([filter]);
    },
  );
});

describe('sums of a backend that is not exact', () => {
  const addTerm = (sum: number, weight: number, value: number, bias: number) => sum + weight * (value + bias);

  it('may lie within the bound, and extreme ones are not claimed', async () => {
    const { failed, reasons, report } = await failures(
      reference({ addTerm }, { exact: false }),
      'generated/reduce/',
    );
    expect(report.backend.exact).toBe(false);
    expect(failed).toEqual([]);
    expect(reasons.get('generated/reduce/tiny-scales,norm,dtype=float32')).toBe('exact weights and sums');
  });

  it('must agree in every bit otherwise', async () => {
    const { failed } = await failures(reference({ addTerm }), 'generated/reduce/dtype=float32,bias');
    expect(failed.length).toBeGreaterThan(3);
  });
});

describe('routers', () => {
  const cases = 'generated/router-values/sum';

  it("may be refused beyond Paddle's modes: they are not claimed then", async () => {
    const refusing = sabotaged((contract) =>
      replaceOperation(contract, 'routeTokens', (call, original) => {
        const { normTopkProb } = call as unknown as { normTopkProb: boolean };
        if (!normTopkProb) return original(call);
        throw invalid('UNSUPPORTED_OPERATION', 'router', 'normTopkProb', 'no normTopkProb');
      }),
    );
    const { failed, passed, notClaimed, reasons } = await failures(refusing, cases);
    expect([failed, passed, notClaimed]).toEqual([[], 1, 6]);
    expect(reasons.get('generated/router-values/sum-cancels,none')).toContain('no normTopkProb');
  });

  it('are not asked for where weights are not exact', async () => {
    const { notClaimed } = await failures(reference({}, { exact: false }), cases);
    expect(notClaimed).toBe(7);
  });

  it("refusing one of Paddle's modes is a failure", async () => {
    const refusing = sabotaged((contract) =>
      replaceOperation(contract, 'routeTokens', () => {
        throw invalid('UNSUPPORTED_OPERATION', 'router', 'softmax', 'no softmax');
      }),
    );
    expect((await failures(refusing, 'generated/tokens/t=1')).passed).toBe(0);
  });
});

describe('what info claims and the backend cannot do', () => {
  it('fails: experts', async () => {
    const filter = 'generated/experts/e=1000,k=100';
    const { failed } = await failures(small(999, 999, undefined), filter);
    expect(failed).toEqual([filter]);
  });

  it('fails: a dtype whose rows it does not move', async () => {
    const factory = sabotaged((contract) =>
      replaceOperation(contract, 'permuteRows', (call, permute) => {
        if (call.x.dtype === 'int8') throw new Error('no int8');
        permute(call);
      }),
    );
    expect((await failures(factory, 'generated/rows/dtype=int8,')).failed).toHaveLength(8);
  });
});

it('the report has info whole', async () => {
  const { report } = await failures(reference(), 'generated/tokens/t=1');
  const { info } = (await reference().create()) as Backend;
  expect(report.backend).toEqual(JSON.parse(JSON.stringify(info)));
});

it('nativeMemory is asked of the backend that wraps it', async () => {
  const asked: Backend[] = [];
  const backend = await reference().create();
  const nativeMemory = (of: Backend) => {
    asked.push(of);
    return typedArrayMemory;
  };
  const report = await runConformance(backend, { nativeMemory, filter: 'generated/wrap' });
  expect(report.totals).toMatchObject({ passed: 9, notClaimed: 0 });
  expect(asked).toEqual([backend]);
});
