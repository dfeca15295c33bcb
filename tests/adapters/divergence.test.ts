import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const adapters = new URL('../../adapters/', import.meta.url);
const load = (name: string) => import(new URL(name, adapters).href);
const { judge, judgeToken } = await load('judge.mjs');
const { findings, percent } = await load('findings.mjs');
const { renderPage } = await load('page.mjs');
const { CASES, TRIALS } = await load('inputs.mjs');
const { oneNodeModel } = await load('onnx-model.mjs');

interface Case {
  id: string;
  numExperts: number;
  topK: number;
  tokens: number;
  logits(): Float32Array;
}

const base64 = (array: Int32Array | Float32Array) => Buffer.from(array.buffer).toString('base64');

/** Routes as the contract does, for finite logits, but where `compare` says otherwise. */
function observation(
  kind: string,
  compare = (logits: Float32Array, a: number, b: number) => logits[b] - logits[a] || a - b,
) {
  const cases = CASES.filter(({ id }: Case) => id.startsWith(kind)).map(
    ({ id, numExperts, topK, tokens, logits }: Case) => {
      const given = logits();
      const experts = new Int32Array(tokens * topK);
      const weights = new Float32Array(tokens * topK);
      for (let t = 0; t < tokens; t++) {
        const row = given.subarray(t * numExperts, (t + 1) * numExperts);
        const chosen = [...row.keys()].sort((a, b) => compare(row, a, b)).slice(0, topK);
        const exp = chosen.map((e) => Math.exp(row[e] - row[chosen[0]]));
        const sum = exp.reduce((a, b) => a + b);
        experts.set(chosen, t * topK);
        weights.set(
          exp.map((value) => value / sum),
          t * topK,
        );
      }
      return { id, trials: [{ times: TRIALS, experts: base64(experts), weights: base64(weights) }] };
    },
  );
  const router = { scoringFunc: 'softmax', normTopkProb: true };
  const about = { version: 'test 1.0', device: 'test', machine: 'none', runtime: 'Node' };
  return { name: 'test', ...about, router, fused: false, cases };
}

const reportOf = (...args: Parameters<typeof observation>) => judge(observation(...args));

/** Sums of all groups. */
const sum = (report: { groups: Record<string, number>[] }, name: string) =>
  report.groups.reduce((total, group) => total + group[name], 0);

describe('what is judged', () => {
  it('a router that keeps the contract is the same in every word but the last bits', async () => {
    const report = await reportOf('bfloat16');
    const counted = sum(report, 'counted');
    expect(counted).toBe(5 * (1 + 2 + 16 + 256) * TRIALS);
    for (const level of [
      'same experts and order',
      'same experts',
      'same up to ties',
      'weights within a bound',
      'safe',
    ]) {
      expect([level, sum(report, level)]).toEqual([level, counted]);
    }
    expect(sum(report, 'repeated')).toBe(sum(report, 'trials'));
    expect(findings(report)).toEqual(['Equal logits: the lower index first, as the contract']);
  });

  it('finds that ties go to the higher index', async () => {
    const report = await reportOf('bfloat16', (logits, a, b) => logits[b] - logits[a] || b - a);
    expect(sum(report, 'same up to ties')).toBe(sum(report, 'counted'));
    expect(findings(report)).toEqual([
      expect.stringMatching(
        /^Equal logits: the higher index\. Other experts for .* 8\.\d % \(E = 256, K = 8\)/,
      ),
    ]);
  });

  it('finds ties without a rule', async () => {
    const first = (e: number) => (e + 3) % 8;
    const report = await reportOf(
      'equal/e=8',
      (logits, a, b) => logits[b] - logits[a] || first(a) - first(b),
    );
    expect(findings(report)[0]).toMatch(
      /^Equal logits: neither always the lower index nor always the higher$/,
    );
  });

  it('finds other experts', async () => {
    const report = await reportOf('float32', (logits, a, b) => logits[a] - logits[b]);
    expect(findings(report).join()).toMatch(/Other experts, of other logits, for 100 % of tokens/);
  });

  it('finds calls that gave something else', async () => {
    const observed = observation('equal/e=8,k=2,t=2');
    const [{ trials }] = observed.cases;
    const lost = {
      ...trials[0],
      times: 15,
      experts: base64(Int32Array.of(-1, -1, 0, 1)),
      weights: base64(Float32Array.of(0, 0, 0.5, 0.5)),
    };
    observed.cases[0].trials = [{ ...trials[0], times: 5 }, lost];
    const found = findings(await judge({ ...observed, cases: [observed.cases[0]] }));
    expect(found).toContain(
      'Loses tokens: some or all of their experts are missing from y. 2 tokens: 15 of 20 trials, 37.5 % of the tokens',
    );
    expect(found).toContain('Not repeatable: 15 of 20 calls gave other bytes than the first of their twenty');
  });

  it('reads the columns of a recorded sum as the probe does', async () => {
    const observed = observation('equal/e=8,k=2,t=1');
    const cases = observed.cases.slice(0, 1).map(({ id }: { id: string }) => {
      const trial = (columns: number[], values: number[]) => ({
        times: 1,
        experts: base64(Int32Array.from(columns)),
        weights: base64(Float32Array.from(values)),
      });
      return { id, trials: [trial([1, 0, -1], [0.5, 0.5, 0]), trial([1, 0, 5], [0.5, 0.25, 0.25])] };
    });
    const report = await judge({ ...observed, fused: true, columns: true, cases });
    expect([sum(report, 'same bytes'), sum(report, 'NaN'), sum(report, 'counted')]).toEqual([1, 1, 2]);
  });

  it('says what a call was refused for', () => {
    const refused = [{ id: 'nan/e=512,k=8,t=1', message: 'too many' }];
    expect(findings({ groups: [], refused })[0]).toBe('Refused with E = 512 (1 of the cases): `too many`');
  });
});

describe('a token', () => {
  const right = { experts: Int32Array.of(2, 0), weights: Float32Array.of(0.75, 0.25) };
  const marks = (experts: number[], weights = [0.75, 0.25]) =>
    judgeToken([1, 1, 2, 0], right, {
      experts: Int32Array.from(experts),
      weights: Float32Array.from(weights),
    });

  it('has the levels that it reaches', () => {
    expect(marks([2, 0])).toEqual([
      'same bytes',
      'same experts and order',
      'same experts',
      'same up to ties',
      'weights within a bound',
      'safe',
    ]);
    expect(marks([0, 2])).toContain('same experts');
    expect(marks([0, 2])).not.toContain('same experts and order');
    expect(marks([2, 1])).toEqual([
      'same up to ties',
      'weights within a bound',
      'safe',
      'higher index of equal logits',
    ]);
    expect(marks([2, 3])).toEqual(['weights within a bound', 'safe']);
  });

  it('is not safe with an expert twice, NaN, or weights of 0', () => {
    expect(marks([2, 2])).not.toContain('safe');
    expect(marks([2, 0], [Number.NaN, 0])).not.toContain('safe');
    expect(marks([-1, -1], [0, 0])).toEqual(['zeros', 'lost']);
  });
});

describe('the page', () => {
  const folder = new URL('reports/', adapters);
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const reports = files.map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')));

  it('is what the reports say', () => {
    expect(files.length).toBeGreaterThan(0);
    expect(readFileSync(new URL('../docs/divergence.md', adapters), 'utf8')).toBe(
      renderPage(reports, CASES.length),
    );
  });

  it('says for a fused operator that the order does not show, and how many cases ran', async () => {
    const observed = observation('float32');
    const page = renderPage([await judge({ ...observed, fused: true })], CASES.length);
    expect(page).toMatch(
      /\| float32 \| [\d.]+ % +\| not shown +\| 100 % +\| 100 % +\| 100 % +\| 100 % +\| 100 % \|/,
    );
    expect(page).toContain('It ran 20 of the 120 cases');
    expect(page).toContain('`pnpm divergence --only test`');
  });

  it('never rounds a share to nothing or to all', () => {
    expect([percent(0, 9), percent(1, 9999), percent(9998, 9999), percent(9, 9), percent(0, 0)]).toEqual([
      '0 %',
      '0.1 %',
      '99.9 %',
      '100 %',
      '—',
    ]);
  });
});

it('a model of one node is what protobuf says', () => {
  const model = Buffer.from(oneNodeModel('Op', ['x', ''], { x: 'float32' }, { k: 300 })).toString('hex');
  const node =
    '0a0178' +
    '0a00' +
    '120179' +
    '22024f70' +
    '2a09' +
    '0a016b' +
    '18ac02' +
    'a00102' +
    '3a0d636f6d2e6d6963726f736f6674';
  expect(model).toContain(node);
  expect(model.startsWith('08084204' + '0a00' + '1011')).toBe(true);
});
