import { readdirSync } from 'node:fs';
import { isBackend } from '@moe-dispatch/core';
import { checkUsable } from '@moe-dispatch/core/backend';
import { describe, expect, it } from 'vitest';
import {
  type CaseResult,
  NoCaseError,
  packageFixtures,
  runConformance,
  typedArrayMemory,
} from '../src/index.js';
import { collectCases } from '../src/run.js';
import { reference } from './reference-backend.js';
import { STEPS } from './reference-steps.js';
import { replaceOperation, sabotaged } from './sabotage.js';

describe('the cases', () => {
  it('list every fixture of the folder', () => {
    const files = readdirSync(new URL('../fixtures', import.meta.url)).filter((f) =>
      f.endsWith('.safetensors'),
    );
    expect(files).toHaveLength(36);
    expect(packageFixtures.names.map((name) => `${name}.safetensors`)).toEqual(files.sort());
  });

  it('have ids of the stable form, each once', () => {
    const ids = collectCases({}).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const form = /^(golden\/[\w-]+|generated\/[\w-]+\/[\w=,-]+|errors\/[\w.-]+\/[\w-]+|random\/seed=\d+)$/;
    expect(ids.filter((id) => !form.test(id))).toEqual([]);
  });

  it('are chosen by a part of the id, or the whole of it', () => {
    const ids = (filter: string) => collectCases({ filter }).map(({ id }) => id);
    expect(ids('generated/empty/').length).toBe(12);
    expect(ids('random/seed=1')).toEqual(['random/seed=1']);
    expect(() => collectCases({ filter: 'no such case' })).toThrow(NoCaseError);
  });
});

describe('runConformance', () => {
  it('gives a report of plain JSON', async () => {
    const seen: string[] = [];
    const onCase = ({ id }: CaseResult, done: number, total: number) => seen.push(`${done}/${total} ${id}`);
    const report = await runConformance(reference(), { filter: 'tokens/t=1', onCase });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report).toMatchObject({ backend: { name: 'reference', device: 'test' }, totals: { failed: 0 } });
    expect(report.cases[0]).toMatchObject({ id: 'generated/tokens/t=1', status: 'passed', differences: [] });
    expect(seen).toHaveLength(report.totals.passed);
  });

  it('goes on after a case that throws', async () => {
    const order = () => {
      throw new TypeError('out of order');
    };
    const report = await runConformance(reference({ order }), { filter: 'generated/tokens' });
    expect(report.totals).toEqual({ passed: 0, failed: 15, notClaimed: 0, expectedFailures: 0 });
    expect(report.cases[0].error).toEqual({ name: 'TypeError', message: 'out of order' });
  });

  it('does not pass what is not claimed', async () => {
    const dtypes = ['float32', 'int32', 'int64'] as const;
    const limits = { maxTensorBytes: 2 ** 30, maxExperts: 300 };
    const report = await runConformance(reference({}, { dtypes, limits }), { random: 10 });
    const { failed, notClaimed } = report.totals;
    expect(report.cases.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(failed).toBe(0);
    expect(notClaimed).toBeGreaterThan(50);
    const reasons = new Map(report.cases.map(({ id, reason }) => [id, reason]));
    expect(reasons.get('golden/softmax-e8-k2-bf16')).toBe('dtype bfloat16');
    expect(reasons.get('generated/experts/e=1000,k=1')).toBe('1000 experts; maxExperts is 300');
    expect(reasons.get('generated/experts/e=8,k=1')).toBeUndefined();
  });

  it('keeps a backend it was given, and claims nothing that needs a factory', async () => {
    const backend = await reference().create();
    expect(isBackend(backend)).toBe(true);
    const report = await runConformance(backend, {
      filter: 'errors/disposed-backend',
      nativeMemory: () => typedArrayMemory,
    });
    expect(report.totals).toEqual({ passed: 0, failed: 0, notClaimed: 3, expectedFailures: 0 });
    expect(() => checkUsable(backend)).not.toThrow();
  });

  it('finds tensors that are left alive', async () => {
    const factory = sabotaged((contract, _, backend) =>
      replaceOperation(contract, 'routeTokens', (call, route) => {
        backend().empty([3], 'float32');
        route(call);
      }),
    );
    const report = await runConformance(factory, { filter: 'generated/tokens/t=1' });
    expect(report.cases[0].differences.map(({ tensor }) => tensor)).toEqual([
      'memory().liveTensors',
      'memory().liveBytes',
    ]);
  });
});

describe('random cases', () => {
  const unstable = reference({ order: (pairs) => STEPS.order([...pairs].reverse()) });

  it('shrink a failure and replay it from its seed', async () => {
    const report = await runConformance(unstable, { filter: 'random/', random: 8 });
    const failed = report.cases.find(({ status }) => status === 'failed')!;
    const [difference] = failed.differences;
    // The smallest call with a wrong order has two tokens that share an expert.
    expect(difference.case).toMatch(
      /^moeDispatch\(x \w+ \[2, 0\], gatingOutput \w+ \[2, 1\], \{.*\}\) with \w+ logits$/,
    );
    const seed = Number(failed.id.slice('random/seed='.length));
    const again = await runConformance(unstable, { filter: failed.id, seed, random: 1 });
    expect(again.cases[0].differences).toEqual(failed.differences);
  });

  it('name the call that made a backend throw', async () => {
    const chooseGroups = () => {
      throw new RangeError('too many groups');
    };
    const report = await runConformance(reference({ chooseGroups }), { filter: 'random/', random: 12 });
    const failed = report.cases.filter(({ status }) => status === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    expect(failed[0].error?.message).toMatch(
      /^RangeError: too many groups in moeDispatch\(x \w+ \[1, 0\], .*, and moeReduce\(/,
    );
  });
});
