import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCollection, readReport } from '../src/reports/read.js';
import { exampleBench } from './example-bench.js';
import { exampleCase, exampleReport } from './example-report.js';

/* The commands as users run them: node on bin/ and dist/ (built before the tests), in a folder of its own. */

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'bin/moe-conformance.js');
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moe-reports-'));
  const contents = `
    import { reference } from './reference-backend.js';
    export { reference };
    export const faulty = () => reference({ prefixSumAsCounts: true });`;
  await build({
    stdin: { contents, resolveDir: join(root, 'test'), loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile: join(folder, 'backends.mjs'),
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const write = (name: string, content: unknown) => writeFileSync(join(folder, name), JSON.stringify(content));

describe('run', () => {
  it('writes every kind of report, of a backend that fails', async () => {
    const outputs = ['json', 'junit', 'markdown', 'html'].flatMap((kind) => [`--${kind}`, `faulty.${kind}`]);
    const { code } = await run(
      'run',
      '--backend',
      './backends.mjs#faulty',
      '--filter',
      'golden/',
      ...outputs,
    );
    expect(code).toBe(1);
    const { totals } = readReport(read('faulty.json'), 'faulty.json');
    expect(totals.failed).toBeGreaterThan(0);
    expect(read('faulty.junit')).toContain(`failures="${totals.failed}"`);
    expect(read('faulty.markdown')).toContain('--backend ./backends.mjs#faulty --filter golden/');
    expect(read('faulty.html')).toContain('Cases failed on reference');
  });

  it('says which file cannot be written', async () => {
    const args = ['run', '--backend', './backends.mjs#reference', '--filter', 'golden/group-e6-k2-f16'];
    const { code, stderr } = await run(...args, '--html', 'nowhere/report.html');
    expect(stderr).toContain("--html: ENOENT: no such file or directory, open 'nowhere/report.html'");
    expect(code).toBe(2);
  });
});

describe('merge', () => {
  it('makes one page and one file of reports and benchmarks, which can be merged again', async () => {
    write('cpu.json', exampleReport('cpu', [exampleCase('golden/a', 'passed')]));
    write('gpu.json', exampleReport('gpu', [exampleCase('golden/a', 'failed')]));
    write('bench.json', exampleBench());
    const merged = await run('merge', 'cpu.json', 'bench.json', '--json', 'two.json');
    expect(merged).toMatchObject({ code: 0, stdout: '1 report, 1 benchmark run\n' });
    const again = await run('merge', 'two.json', 'gpu.json', '--json', 'all.json', '--html', 'all.html');
    expect(again).toMatchObject({ code: 0, stdout: '2 reports, 1 benchmark run\n' });
    const { reports, benches } = readCollection(read('all.json'), 'all.json');
    expect(reports.map(({ backend }) => backend.name)).toEqual(['cpu', 'gpu']);
    expect(benches).toEqual([exampleBench()]);
    expect(read('all.html')).toContain('Cases failed on gpu.');
  });

  it('refuses a report whose totals are not those of its cases', async () => {
    const { totals, ...report } = exampleReport('cpu', [exampleCase('golden/a', 'failed')]);
    write('edited.json', { ...report, totals: { ...totals, passed: 1, failed: 0 } });
    expect(await run('merge', 'edited.json', '--json', 'x.json')).toMatchObject({
      code: 2,
      stderr: 'edited.json: /totals/passed: expected 0, as its cases say, found 1\n',
    });
  });

  const refused: [what: string, args: string[], message: string][] = [
    ['no report', ['--html', 'x.html'], 'no report to merge'],
    ['nothing to write', ['cpu.json'], 'give --html, --markdown or --json'],
    ['a file that is not there', ['none.json', '--html', 'x.html'], "open 'none.json'"],
    ['a file that is no report', ['backends.mjs', '--html', 'x.html'], 'backends.mjs, line 1'],
  ];
  it.each(refused)('refuses %s', async (_, args, message) => {
    const { code, stderr } = await run('merge', ...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(2);
  });
});

describe('diff', () => {
  it('fails on a regression, and writes what it found', async () => {
    const [good, bad] = (['passed', 'failed'] as const).map((status) =>
      exampleReport('cpu', [exampleCase('golden/a', status)]),
    );
    write('base.json', good);
    write('head.json', bad);
    const broken = await run('diff', 'base.json', 'head.json', '--markdown', 'diff.md');
    expect(broken.code).toBe(1);
    expect(broken.stdout).toContain('golden/a: passed → failed');
    expect(read('diff.md')).toContain('**1 regression**');
    expect(await run('diff', 'head.json', 'base.json')).toMatchObject({ code: 0 });
    expect((await run('diff', 'base.json')).stderr).toContain('expected two reports, found 1');
    write('later.json', { ...good, version: 2 });
    const later = await run('diff', 'base.json', 'later.json');
    expect(later).toMatchObject({ code: 2, stderr: 'later.json: /version: expected 1, found 2\n' });
  });
});

it('diff shows names as they are, and escapes them in the file', async () => {
  const named = exampleReport('cpu', [], {
    backend: { name: 'a~b', device: 'GPU_1', dtypes: [], limits: {} },
  });
  write('named.json', named);
  const { stdout } = await run('diff', 'named.json', 'named.json', '--markdown', 'named.md');
  expect(stdout).toContain('a~b (GPU_1)');
  expect(read('named.md')).toContain('a&#126;b (GPU&#95;1)');
});

it('diff and merge say which command wrote a file that they do not take, or that there is none', async () => {
  const { code } = await run(
    ...['compare', '--backend', './backends.mjs#reference', '--backend', './backends.mjs#reference'],
    ...['--cases', '1', '--json', 'compared.json'],
  );
  expect(code).toBe(0);
  write('merged.json', { kind: 'collection', version: 1, reports: [], benches: [] });
  write('some.json', exampleReport('cpu', []));
  const refusal = async (...args: string[]) => (await run(...args)).stderr;
  expect(await refusal('diff', 'some.json', 'merged.json')).toBe(
    'merged.json: expected a report of `run`, found one of `merge`\n',
  );
  expect(await refusal('diff', 'compared.json', 'some.json')).toBe(
    'compared.json: expected a report of `run`, found one of `compare`\n',
  );
  expect(await refusal('merge', 'compared.json', '--json', 'x.json')).toBe(
    'compared.json: expected a report of `run`, `bench` or `merge`, found one of `compare`\n',
  );
  expect(await refusal('diff', 'some.json', 'none.json')).toBe(
    "ENOENT: no such file or directory, open 'none.json'\n",
  );
});

describe('diff of a case that the base did not pass', () => {
  it.each([
    ['a new case that fails', [], 1],
    ['a failure of what was not claimed', [exampleCase('golden/a', 'not claimed')], 1],
    ['an old failure', [exampleCase('golden/a', 'failed')], 0],
  ])('%s', async (_, cases, code) => {
    write('before.json', exampleReport('cpu', cases));
    write('after.json', exampleReport('cpu', [exampleCase('golden/a', 'failed')]));
    expect(await run('diff', 'before.json', 'after.json')).toMatchObject({ code });
  });
});

describe('bench', () => {
  it('times a backend, leaves out what is too large by name, writes JSON and a plot', async () => {
    const shapes = ['--shape', '16,32,8,2', '--shape', '65536,2048,64,6'];
    const outputs = ['--json', 'timed.json', '--html', 'timed.html'];
    const { code, stdout } = await run(
      'bench',
      '--backend',
      './backends.mjs#reference',
      ...shapes,
      ...outputs,
    );
    expect(stdout).toMatch(/^\| 16, 32, 8, 2 +\|( [\d.e-]+ \|){6}$/m);
    expect(stdout).toContain('left out: 65536, 2048, 64, 6: needs 3881 MiB of tensors, more than');
    expect(code).toBe(0);
    const [{ backends, dtype }] = readCollection(read('timed.json'), 'timed.json').benches;
    expect(dtype).toBe('bfloat16');
    expect(backends[0].rows[0]).toMatchObject({ dispatchBytes: 16 * (32 * 2 * 3 + 8 * 4 + 2 * 12) });
    expect(read('timed.html')).toContain('<svg class="roofline"');
  });

  it('names the backends that are not available, unless one was asked for', async () => {
    const quick = ['--shape', '1,8,4,1'];
    const all = await run('bench', ...quick);
    expect(all.stdout).toContain('not available: @moe-dispatch/backend-cuda: ');
    expect(await run('bench', ...quick, '--backend', 'nowhere')).toMatchObject({ code: 2 });
  });

  const refused: [args: string[], message: string][] = [
    [['--shape', '1,2,3'], "--shape: expected T,D,E,K, found '1,2,3'"],
    [['--shape', '1,2,3,4'], 'with K at most E'],
    [['--shape', '0,2,3,1'], 'expected positive T, D, E and K'],
    [['--dtype', 'int8'], "--dtype: expected float32 or float16 or bfloat16, found 'int8'"],
    [['--max-mib', 'much'], '--max-mib: expected an integer'],
  ];
  it.each(refused)('refuses %j', async (args, message) => {
    const { code, stderr } = await run('bench', ...args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});
