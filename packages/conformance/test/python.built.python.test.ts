import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readReport } from '../src/reports/index.js';
import { Workplace } from './command-line.js';

/* python/: its own tests, its runner without Node on exported cases, and a backend in Python through the protocol. */

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PYTHON = join(ROOT, 'python');
const cases = mkdtempSync(join(tmpdir(), 'moe-cases-'));
const place = new Workplace();
const env = { ...process.env, PYTHONPATH: PYTHON, PYTHONDONTWRITEBYTECODE: '1', MOE_CASES: cases };

beforeAll(async () => {
  const { stdout, code } = await place.run('export', '--out', cases, '--random', '300');
  expect(stdout).toMatch(/^\d{4} cases in /);
  expect(code).toBe(0);
}, 300_000);
afterAll(() => {
  place.remove();
  rmSync(cases, { recursive: true });
});

function python(...args: string[]): string {
  return execFileSync('python3', args, { cwd: PYTHON, env, encoding: 'utf8', maxBuffer: 2 ** 26 });
}

describe('python/', () => {
  it('passes its own tests', { timeout: 600_000 }, () => {
    expect(python('-m', 'pytest', '-q', '-p', 'no:cacheprovider')).toMatch(/\d+ passed in /);
  });

  it('has a reference that gives the bytes of the oracle: every case, and 300 random ones', () => {
    const file = join(place.folder, 'reference.json');
    const options = ['--cases', cases, '--backend', 'moe_conformance.reference:make', '--json', file];
    python('-m', 'moe_conformance', ...options);
    const report = readReport(readFileSync(file, 'utf8'), 'reference.json');
    expect(report).toMatchObject({ complete: true, totals: { failed: 0 } });
    expect(report.totals.passed).toBeGreaterThan(1200);
    expect(report.cases.filter(({ id }) => id.startsWith('random/'))).toHaveLength(300);
    const seconds = report.cases.reduce((sum, { ms }) => sum + ms, 0) / 1000;
    expect(seconds).toBeLessThan(60);
  });

  it('writes reports that merge and diff take', async () => {
    const merged = await place.run('merge', 'reference.json', '--html', 'page.html', '--json', 'all.json');
    expect(merged).toMatchObject({ code: 0, stdout: '1 report, 0 benchmark runs\n' });
    expect(readFileSync(join(place.folder, 'page.html'), 'utf8')).toContain('numpy-reference');
    const diff = await place.run('diff', 'reference.json', 'reference.json');
    expect(diff).toMatchObject({ code: 0 });
  });
});

describe('a backend in Python', () => {
  const command = (program: string) => `PYTHONPATH='${PYTHON}' PYTHONDONTWRITEBYTECODE=1 python3 ${program}`;

  it('of examples/protocol has less than 200 lines, and passes all that it claims', {
    timeout: 180_000,
  }, async () => {
    const program = join(ROOT, 'examples/protocol/my_backend.py');
    expect(readFileSync(program, 'utf8').split('\n').length).toBeLessThan(200);
    const { stdout, code } = await place.run('run', '--command', command(`'${program}'`));
    expect(stdout).toMatch(/\n\d{3} passed, 0 failed, \d+ not claimed\n$/);
    expect(code).toBe(0);
  });

  it('may print: what it prints goes to stderr', async () => {
    const program = `-c 'import os; from moe_conformance import *; serve(Reference()) if os.fork() else None'`;
    const printing = `-c '${[
      'from moe_conformance import *',
      'print("before")',
      'class Loud(Reference):',
      '    def plan_dispatch(self, call):',
      '        print("planning")',
      '        return super().plan_dispatch(call)',
      'serve(Loud())',
    ].join('\n')}'`;
    const filter = ['--filter', 'generated/plan/'];
    const early = await place.run('run', '--command', command(printing), ...filter);
    // Before the hello there is no helper yet.
    expect(early.stderr).toContain('wrote what is no message: "before');
    const late = await place.run(
      'run',
      '--command',
      command(printing.replace('print("before")', '')),
      ...filter,
    );
    expect(late.stdout).toContain('8 passed, 0 failed');
    expect(late.stderr).toContain('planning');
    const forked = await place.run('run', '--command', command(program), ...filter);
    expect(forked.stdout).toContain('8 passed, 0 failed');
  });

  it('shows its traceback, and the error in the report', async () => {
    const broken = `-c '${[
      'from moe_conformance import *',
      'class Broken(Reference):',
      '    def plan_dispatch(self, call):',
      '        return {}',
      'serve(Broken())',
    ].join('\n')}'`;
    const { stdout, stderr } = await place.run(
      'run',
      '--command',
      command(broken),
      '--filter',
      'generated/plan/',
    );
    expect(stdout).toContain("the backend's error 'ValueError: planDispatch returned no tokenNumsPerExpert'");
    expect(stderr).toContain('Traceback');
    expect(stdout).toContain('0 passed, 8 failed');
  });
});

describe('levels', () => {
  const mine = `
import numpy as np
from moe_conformance import Reference, serve

class Mine(Reference):
    """Of equal logits the higher index first; weights of another exp."""
    name = "mine"

    def route_tokens(self, call):
        results = super().route_tokens(call)
        if set(call.router) != {"topK"} or len(call.inputs) > 1:
            return results
        logits = call.floats("gatingOutput")
        if not np.isfinite(logits).all():
            return results
        last = logits.shape[1] - 1
        experts = last - np.argsort(-logits[:, ::-1], axis=1, kind="stable")[:, : call.router["topK"]]
        exp = np.exp(logits.astype(float) - logits.max(axis=1, keepdims=True, initial=-1e30))
        weights = np.take_along_axis(exp / exp.sum(axis=1, keepdims=True), experts, 1)
        return {"topKIndices": experts.astype(np.int32), "expertScalesFloat": weights.astype(np.float32)}

def make():
    return Mine()

if __name__ == "__main__":
    serve(Mine())
`;

  it('are the same, whichever runner computes them', async () => {
    const file = join(place.folder, 'mine.py');
    writeFileSync(file, mine);
    const filter = ['--filter', 'golden/'];
    await place.run(
      'run',
      '--command',
      `PYTHONPATH='${PYTHON}' python3 '${file}'`,
      '--json',
      'node.json',
      ...filter,
    );
    const options = ['--cases', cases, '--json', join(place.folder, 'python.json'), ...filter];
    execFileSync(
      'sh',
      ['-c', 'python3 -m moe_conformance --backend mine:make "$@" || [ $? = 1 ]', 'sh', ...options],
      {
        cwd: place.folder,
        env,
      },
    );
    const [node, other] = ['node.json', 'python.json'].map((name) =>
      readReport(readFileSync(join(place.folder, name), 'utf8'), name),
    );
    // The suite ends a recorded router's case with its first difference, and an exported one has all calls.
    const of = ({ cases: all }: typeof node) =>
      all
        .filter(({ id }) => !id.startsWith('golden/router-'))
        .map(({ id, status, agreement = {} }) => {
          const { repeatable: _, ...told } = agreement;
          return { id, status, ...told };
        });
    expect(of(other)).toEqual(of(node));
    const reached = new Set(of(node).map(({ routing }) => routing));
    expect(reached).toEqual(
      new Set(['same bytes', 'same experts and order', 'same experts', 'same up to ties']),
    );
  });
});

describe('docs/protocol.md', () => {
  const [, program] = /```python\n(.*?)```/s.exec(readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8'))!;

  it.each(['generated/ties', 'generated/special'])(
    'has a program with a fault in %s, and both runners show it',
    async (group) => {
      const file = join(place.folder, 'my_backend.py');
      const faults = async () => {
        const command = `PYTHONPATH='${PYTHON}' PYTHONDONTWRITEBYTECODE=1 python3 '${file}'`;
        await place.run('run', '--command', command, '--json', 'node.json', '--filter', `${group}/`);
        const options = [
          '--cases',
          cases,
          '--json',
          join(place.folder, 'python.json'),
          '--filter',
          `${group}/`,
        ];
        execFileSync(
          'sh',
          ['-c', 'python3 -m moe_conformance --backend my_backend:make "$@" || [ $? = 1 ]', 'sh', ...options],
          {
            cwd: place.folder,
            env,
            stdio: 'pipe',
          },
        );
        return ['node.json', 'python.json'].map((name) => {
          const { cases: all } = readReport(readFileSync(join(place.folder, name), 'utf8'), name);
          expect(all.length).toBeGreaterThan(20);
          return all.filter(({ status }) => status === 'failed').length;
        });
      };
      writeFileSync(file, program);
      for (const failed of await faults()) expect(failed).toBeGreaterThan(0);
      const stable = program.replace('axis=1)[:, :', 'axis=1, kind="stable")[:, :');
      const clean =
        'big = np.finfo(np.float32).max; logits = np.nan_to_num(logits, nan=-big, posinf=big, neginf=-big)';
      writeFileSync(file, stable.replace('  experts =', `  ${clean}\n        experts =`));
      for (const failed of await faults()) expect(failed).toBe(0);
    },
  );
});
