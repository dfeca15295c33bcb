import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/* The command as users run it: node on bin/ and dist/ (built before the tests), in a folder of its own. */

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'bin/moe-conformance.js');
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moe-conformance-'));
  const contents = `
    import { BackendUnavailableError } from '@moe-dispatch/core';
    import { reference } from './reference-backend.js';
    export { reference };
    export const faulty = () => reference({ prefixSumAsCounts: true });
    export const absent = () => ({
      name: 'absent',
      create() {
        const details = { argument: 'driver', found: 'none', expected: 'an NVIDIA driver' };
        throw new BackendUnavailableError('BACKEND_UNAVAILABLE', details);
      },
    });
    export class NotAFactory {}
    export const number = 1;`;
  const several = join(folder, 'several.mjs');
  await build({
    stdin: { contents, resolveDir: join(root, 'test'), loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile: several,
  });
  writeFileSync(join(folder, 'single.mjs'), "export { reference, NotAFactory } from './several.mjs';");
  const installed = join(folder, 'node_modules/backend-reference');
  mkdirSync(installed, { recursive: true });
  writeFileSync(
    join(installed, 'package.json'),
    JSON.stringify({ name: 'backend-reference', type: 'module', exports: { import: './index.js' } }),
  );
  writeFileSync(join(installed, 'index.js'), "export * from '../../several.mjs';");
});

afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('moe-conformance', () => {
  it('passes a backend, and writes the report', async () => {
    const { code, stdout } = await run(
      'run',
      '--backend',
      './single.mjs',
      '--filter',
      'golden/',
      '--json',
      'r.json',
    );
    // Paddle's 36 files, and the routers of 63 models.
    expect(stdout).toContain('99 passed, 0 failed');
    expect(code).toBe(0);
    const report = JSON.parse(readFileSync(join(folder, 'r.json'), 'utf8'));
    expect(report.totals).toEqual({ passed: 99, failed: 0, notClaimed: 0, expectedFailures: 0 });
  });

  it('finds a package from the working directory, by its convention', async () => {
    const { code, stdout } = await run('run', '--backend', 'backend-reference', '--filter', 'tokens/t=33');
    expect(stdout).toContain('1 passed, 0 failed');
    expect(code).toBe(0);
  });

  it('fails a faulty backend, shows the differences and how to repeat them', async () => {
    const backend = './several.mjs#faulty';
    const { code, stdout } = await run(
      'run',
      '--backend',
      backend,
      '--filter',
      'random/',
      '--seed',
      '5',
      '--random',
      '9',
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /FAILED random\/seed=\d+\n {2}moeDispatch\(x .*: tokenNumsPerExpert\[\d+\]: expected 0, found 1/,
    );
    const command = /repeat: npx moe-conformance (.*)/.exec(stdout)![1].split(' ');
    const again = await run(...command);
    expect(again.code).toBe(1);
    expect(again.stdout).toContain('0 passed, 1 failed');
  });

  it('compares two backends, and repeats a call on which they differ', async () => {
    const same = ['compare', '--backend', './single.mjs', '--backend', './several.mjs#reference'];
    const agree = await run(...same, '--cases', '20', '--seed', '3', '--json', 'c.json');
    expect(agree.stdout).toContain('20 calls agree, 0 differ');
    expect(agree.stdout).toMatch(/^output float32: \d+ elements, largest error 0 ULP\n +=/m);
    expect(agree.code).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, 'c.json'), 'utf8'))).toMatchObject({ version: 1, seed: 3 });

    const pair = ['--backend', './single.mjs', '--backend', './several.mjs#faulty'];
    const differ = await run('compare', ...pair, '--cases', '20');
    expect(differ.code).toBe(1);
    expect(differ.stdout).toMatch(/tokenNumsPerExpert\[\d+\]: A has 0, B has 1/);
    const command = /repeat: npx moe-conformance (.*)/.exec(differ.stdout)![1].split(' ');
    const again = await run(...command);
    expect(again.stdout).toContain('0 calls agree, 1 differ');
    expect(again.code).toBe(1);
  });

  it('reads any folder of fixtures', async () => {
    mkdirSync(join(folder, 'fixtures'));
    copyFileSync(
      join(root, 'fixtures/group-e6-k2-f16.safetensors'),
      join(folder, 'fixtures/never seen.safetensors'),
    );
    const args = ['run', '--backend', './single.mjs', '--fixtures', 'fixtures', '--filter', 'golden/'];
    expect(await run(...args)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 passed, 0 failed'),
    });
    writeFileSync(join(folder, 'fixtures/broken.safetensors'), 'nonsense');
    const broken = await run(...args);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toContain('SafetensorsError: broken.safetensors, byte 0');
    expect(broken.stdout).toContain('1 passed, 1 failed');
  });

  it('does not call it a pass when nothing was checked', async () => {
    const backend = ['run', '--backend', './single.mjs'];
    expect(await run(...backend, '--filter', 'nothing like it')).toMatchObject({
      code: 2,
      stderr: "no case has 'nothing like it' in its id\n",
    });
  });

  const usage: [name: string, args: string[], message: string][] = [
    ['no command', [], 'a command is missing'],
    ['an unknown command', ['walk'], "no command 'walk'"],
    ['an unknown option', ['run', '--bakend', 'x'], '--bakend'],
    ['no backend', ['run'], '--backend is missing'],
    ['one backend to compare', ['compare', '--backend', './single.mjs'], 'expected two, found 1'],
    [
      'a bad number of calls',
      ['compare', '--backend', './single.mjs', '--backend', './single.mjs', '--cases', 'all'],
      "--cases: expected an integer from 0 to 2147483647, found 'all'",
    ],
    ['a bad seed', ['run', '--backend', './single.mjs', '--seed', '1.5'], '--seed: expected an integer'],
    ['no such folder', ['run', '--backend', './single.mjs', '--fixtures', 'nowhere'], 'ENOENT'],
    [
      'a folder without fixtures',
      ['run', '--backend', './single.mjs', '--fixtures', 'node_modules'],
      'no .safetensors file',
    ],
    ['no such package', ['run', '--backend', 'backend-nowhere'], "cannot load 'backend-nowhere'"],
    ['no such file', ['run', '--backend', './nowhere.mjs'], "cannot load './nowhere.mjs'"],
    ['no such export', ['run', '--backend', './several.mjs#nothing'], 'the module exports'],
    ['an export that is no factory', ['run', '--backend', './several.mjs#number'], 'is no backend factory'],
    ['several factories', ['run', '--backend', './several.mjs'], 'name the export'],
    [
      'an absent backend',
      ['run', '--backend', './several.mjs#absent'],
      'expected an NVIDIA driver, found none',
    ],
  ];
  it.each(usage)('exits with 2: %s', async (_, args, message) => {
    const { code, stderr } = await run(...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(2);
  });

  it('helps', async () => {
    expect(await run('--help')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ {2}run {2,}checks/m),
    });
    expect(await run('run', '--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('usage: moe-conformance run'),
    });
  });
});
