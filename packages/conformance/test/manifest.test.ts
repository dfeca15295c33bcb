import { type Backend, DTYPES, type DType } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { type CapabilityManifest, ConformanceError, runConformance, typedArrayMemory } from '../src/index.js';
import { reference } from './reference-backend.js';
import { sabotaged } from './sabotage.js';

const KERNELS = ['route', 'plan', 'permute', 'dispatch', 'reduce', 'prepare'] as const;

/** Throws where it is asked for more than these sizes, as a backend with small tables would. */
function small(maxExperts: number, maxTopK: number) {
  return sabotaged((backend) => {
    const kernels = backend as unknown as Record<(typeof KERNELS)[number], (call: object) => unknown>;
    for (const name of KERNELS) {
      const original = kernels[name].bind(backend);
      kernels[name] = (call: { numExperts?: number; topK?: number }) => {
        if ((call.numExperts ?? 0) > maxExperts || (call.topK ?? 0) > maxTopK) throw new Error('too many');
        return original(call);
      };
    }
  });
}

async function failures(
  factory: Parameters<typeof runConformance>[0],
  manifest: Partial<CapabilityManifest>,
  filter = '',
) {
  const report = await runConformance(factory, { manifest, random: 10, filter });
  const failed = report.cases.filter(({ status }) => status === 'failed').map(({ id }) => id);
  return { ...report.totals, failed, report };
}

describe('what the manifest does not claim', () => {
  it('is not claimed: experts and choices', async () => {
    const { failed, passed, notClaimed } = await failures(small(6, 2), { maxExperts: 6, maxTopK: 2 });
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(200);
    expect(notClaimed).toBeGreaterThan(200);
  });

  it('is not claimed: choices alone', async () => {
    const { failed, passed, report } = await failures(small(2 ** 16, 1), { maxTopK: 1 });
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(10);
    const reasons = new Map(report.cases.map(({ id, reason }) => [id, reason]));
    expect(reasons.get('generated/experts/e=8,k=2')).toBe('2 choices a token; maxTopK is 1');
    expect(reasons.get('generated/experts/e=8,k=1')).toBeUndefined();
  });

  it('is not claimed: a device with a low limit on experts, without a manifest', async () => {
    const limits = { maxTensorBytes: 2 ** 30, maxExperts: 4 };
    const { failed, passed } = await failures(reference({}, { limits }), {});
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(20);
  });

  it.each([
    ['experts', 8192, '8216 experts; maxExperts is 8192'],
    ['topk-only', 8215, '8216 experts; maxExperts is 8215'],
  ])('is not claimed: more than 8192 choices (%s)', async (group, maxExperts, reason) => {
    const limits = { maxTensorBytes: 2 ** 30, maxExperts };
    const { report } = await failures(reference({}, { limits }), {}, `generated/${group}/e=8216,k=8200`);
    expect(report.cases.map(({ status, reason }) => [status, reason])).toEqual([['not claimed', reason]]);
  });

  it('is not claimed: large tensors', async () => {
    const limits = { maxTensorBytes: 2048, maxExperts: 2 ** 16 };
    const { failed, passed, report } = await failures(reference({}, { limits }), { maxTensorBytes: 2048 });
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(300);
    const large = report.cases.find(({ id }) => id === 'generated/large/t=5000,e=64,k=6');
    expect(large).toMatchObject({
      status: 'not claimed',
      reason: expect.stringMatching(/^a tensor of \d+ bytes; maxTensorBytes is 2048$/),
    });
  });

  it('is not claimed: dtypes, wrap, prepareDispatch', async () => {
    const dtypes: DType[] = ['float32', 'int32', 'int64'];
    const manifest = { dtypes, wrap: false, prepareDispatch: false };
    const factory = sabotaged((backend) => {
      const broken = () => {
        throw new Error('there is none');
      };
      Object.assign(backend, { adopt: broken, prepare: broken });
    });
    const { failed, report } = await failures(factory, manifest);
    expect(failed).toEqual([]);
    const notClaimed = report.cases.filter(({ status }) => status === 'not claimed');
    const reasons = new Set(notClaimed.map(({ reason }) => reason));
    expect([...reasons]).toEqual(expect.arrayContaining(['wrap', 'prepareDispatch', 'dtype bfloat16']));
    expect(notClaimed.filter(({ reason }) => reason === 'wrap')).toHaveLength(12);
  });
});

it.each([[['int32', 'int64', 'uint8']], [['bfloat16']], [[]]] as DType[][][])(
  'a backend that claims no float32 is asked for nothing: %j',
  async (dtypes) => {
    const { failed, notClaimed } = await failures(reference({}, { dtypes }), {}, 'random/');
    expect(failed).toEqual([]);
    expect(notClaimed).toBe(10);
  },
);

describe('what the manifest claims and the backend cannot do', () => {
  const filter = 'generated/experts/e=1000,k=100';

  it('fails: experts', async () => {
    const { failed } = await failures(small(999, 999), {}, filter);
    expect(failed).toEqual([filter]);
  });

  it('fails: a dtype that the backend does not list', async () => {
    const info = { dtypes: ['float32', 'int32', 'int64'] as const };
    const manifest = { dtypes: Object.keys(DTYPES) as DType[] };
    const { failed, notClaimed } = await failures(
      reference({}, info),
      manifest,
      'generated/rows/dtype=int8,',
    );
    expect(notClaimed).toBe(0);
    expect(failed).toHaveLength(8);
  });

  it('fails: wrap without memory to wrap', async () => {
    const noTypedArrays = sabotaged((backend) => {
      backend.adopt = () => {
        throw new TypeError('no typed arrays');
      };
    });
    const report = await runConformance(noTypedArrays, {
      manifest: { wrap: true },
      filter: 'generated/wrap',
    });
    expect(report.totals.passed + report.totals.notClaimed).toBe(0);
    expect(report.cases[0].error?.message).toContain('no nativeMemory');
  });
});

describe('the manifest', () => {
  it('is in the report, with what it leaves out', async () => {
    const manifest = { maxTopK: 64, prepareDispatch: false };
    const { report } = await failures(reference(), manifest, 'generated/tokens/t=1');
    expect(report.backend.manifest).toEqual({
      dtypes: Object.keys(DTYPES),
      maxExperts: 65536,
      maxTopK: 64,
      maxTensorBytes: 2 ** 30,
      wrap: true,
      prepareDispatch: false,
    });
  });

  it.each([
    [{ maxExpert: 4 }, 'manifest.maxExpert: no such field; there are dtypes, maxExperts'],
    [{ maxExperts: '4' }, 'manifest.maxExperts: expected a positive integer, found "4"'],
    [{ dtypes: ['float64'] }, 'manifest.dtypes: expected an array of float32'],
    [{ dtypes: ['int32', 'int64', 'uint8'] }, 'with float32, int32, int64 among them, found ["int32"'],
    [{ dtypes: ['float32', 'int64'] }, 'with float32, int32, int64 among them'],
    [{ dtypes: ['float32', 'int32'] }, 'with float32, int32, int64 among them'],
    [{ dtypes: [] }, 'with float32, int32, int64 among them, found []'],
    [{ maxExperts: 0 }, 'manifest.maxExperts: expected a positive integer, found 0'],
    [{ maxTopK: 0 }, 'manifest.maxTopK: expected a positive integer, found 0'],
    [{ maxTensorBytes: 0 }, 'manifest.maxTensorBytes: expected a positive integer, found 0'],
    [{ wrap: 1 }, 'manifest.wrap: expected true or false, found 1'],
  ])('is checked: %j', async (manifest, message) => {
    const running = runConformance(reference(), { manifest: manifest as Partial<CapabilityManifest> });
    await expect(running).rejects.toThrow(ConformanceError);
    await expect(running).rejects.toThrow(message);
  });
});

it('nativeMemory is asked of the backend that wraps it', async () => {
  const asked: Backend[] = [];
  const backend = await reference().create();
  const nativeMemory = (of: Backend) => {
    asked.push(of);
    return typedArrayMemory;
  };
  const report = await runConformance(backend, { nativeMemory, filter: 'generated/wrap' });
  expect(report.totals).toMatchObject({ passed: 8, notClaimed: 0 });
  expect(asked).toEqual([backend]);
});
