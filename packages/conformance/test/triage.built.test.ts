import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConformanceReport } from '../src/index.js';
import { Workplace } from './command-line.js';

/* What a reader sees of a run that fails often, and what helps to find the way. */

const place = new Workplace();

beforeAll(() =>
  place.addModule(
    'backends.mjs',
    `import { reference } from './reference-backend.js';
    export const good = () => reference();
    export const faulty = () => reference({ prefixSumAsCounts: true });
    export const narrow = () => reference({}, { limits: { maxTensorBytes: 2 ** 30, maxExperts: 8 } });
    export const noisy = () => reference({ roundResult: (values) => values.map((value) => value + 1) });`,
  ),
);

afterAll(() => place.remove());

const backend = (name: string) => ['run', '--backend', `./backends.mjs#${name}`];
const readReport = (name: string): ConformanceReport =>
  JSON.parse(readFileSync(join(place.folder, name), 'utf8'));

describe('a fault that fails many cases', () => {
  it('is printed once in full, once for each group, and put down to its stage', async () => {
    const filter = ['--filter', 'e=8', '--json', 'faulty.json'];
    const { stdout } = await place.run(...backend('faulty'), ...filter);
    const { totals, cases } = readReport('faulty.json');
    expect(totals.failed).toBeGreaterThan(20);
    const groups = new Set(
      cases.filter(({ status }) => status === 'failed').map(({ id }) => id.split('/')[1]),
    );
    const lines = stdout.trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith('FAILED '))).toHaveLength(groups.size);
    expect(lines.filter((line) => line.startsWith('  repeat: '))).toHaveLength(1);
    expect(lines.length).toBeLessThan(groups.size + 15);
    const [heading, cause] = lines.slice(-4);
    expect(heading).toBe(`${totals.failed} failed, by cause:`);
    expect(cause).toMatch(
      new RegExp(`^  planDispatch  ${totals.failed}  generated/.* \\d+ more groups; first: generated/`),
    );
  });

  it('ends the run with --max-failures', async () => {
    const args = ['--filter', 'generated/tokens/', '--max-failures', '3', '--json', 'three.json'];
    const { code, stdout } = await place.run(...backend('faulty'), ...args);
    expect(stdout).toContain('0 passed, 3 failed, stopped before the last case');
    expect(code).toBe(1);
    expect(readReport('three.json')).toMatchObject({ complete: false, totals: { failed: 3 } });
  });

  it('is never allowed to fail 0 times', async () => {
    const { code, stderr } = await place.run(...backend('good'), '--max-failures', '0');
    expect(stderr).toContain("--max-failures: expected at least 1, found '0'");
    expect(code).toBe(2);
  });

  it('shows the first differences of a case', async () => {
    const { stdout } = await place.run(...backend('noisy'), '--filter', 'nowhere/reduce,some,dtype=float32');
    expect(stdout.match(/: output\[/g)!.length).toBeLessThanOrEqual(8);
    expect(stdout).toMatch(/^ {2}and \d+ more differences$/m);
  });
});

it('what is not claimed is counted', async () => {
  const { code, stdout } = await place.run(...backend('narrow'), '--filter', 'generated/experts/');
  expect(stdout).toMatch(/, 0 failed, \d+ not claimed\n$/);
  expect(stdout.split('\n')).toHaveLength(3);
  expect(code).toBe(0);
});

it('a random case is described in words', async () => {
  const args = ['--filter', 'random/', '--random', '4'];
  const { stdout } = await place.run(...backend('faulty'), ...args);
  expect(stdout).toMatch(
    /moeDispatch\(x \w+ \[1, \d+\], gatingOutput float32 \[1, \d+\], .*\{.*\}\) with \w+ logits: /,
  );
  expect(stdout).not.toMatch(/"(mode|dtype|data|perChoice)"/);
  const pair = ['compare', '--backend', './backends.mjs#good', '--backend', './backends.mjs#faulty'];
  const compared = await place.run(...pair, '--cases', '1');
  expect(compared.stdout).toMatch(/^DIFFERENT with seed 1: moeDispatch\(.* logits, and moeReduce\(ffnOut /);
});

it('list prints the ids that run would run', async () => {
  const { code, stdout } = await place.run('list', '--filter', 'random/', '--seed', '7', '--random', '2');
  expect(stdout).toBe('random/seed=7\nrandom/seed=8\n');
  expect(code).toBe(0);
  const all = (await place.run('list')).stdout.trimEnd().split('\n');
  expect(new Set(all).size).toBe(all.length);
  expect(all).toContain('golden/doc-example-softmax');
  expect(await place.run('list', '--filter', 'nothing like it')).toMatchObject({ code: 2, stdout: '' });
});

it('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(await place.run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

it.each([
  [['run', '--bakend', 'x'], "no option '--bakend': did you mean --backend?"],
  [['bench', '--shapes', '1,2,3,1'], "no option '--shapes': did you mean --shape?"],
  [['run', '--verbose'], "no option '--verbose'\n"],
  [['rnu'], "no command 'rnu': did you mean run?"],
  [['dance'], "no command 'dance'\n"],
])('suggests what was meant by %j', async (args, message) => {
  const { code, stderr } = await place.run(...args);
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});
