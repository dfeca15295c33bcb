import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildEmulatedDriver } from '../support/fake-driver.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

let driver: ReturnType<typeof buildEmulatedDriver>;
beforeAll(() => {
  driver = buildEmulatedDriver();
});
afterAll(() => driver.remove());

/** Runs a file of tests for a GPU with the emulated one. */
function runEmulated(file: string, env: Record<string, string>, ...args: string[]) {
  const test = `packages/backend-cuda/test/gpu/${file}`;
  return spawnSync(process.execPath, [VITEST, 'run', '--project', 'cuda', test, ...args], {
    cwd: ROOT,
    env: { ...process.env, LD_LIBRARY_PATH: driver.folder, NO_COLOR: '1', ...env },
    encoding: 'utf8',
  });
}

it('the kernels, run on the host, give the bytes of the CPU backend', () => {
  const env = { MOE_RANDOM: '100', MOE_MOST: '4000' };
  const { status, stdout, stderr } = runEmulated('random-against-cpu.test.ts', env);
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toContain('1 passed');
});

it('the kernels, run on the host, rank near scores as exact ones', () => {
  const { status, stdout, stderr } = runEmulated('near-scores.test.ts', {});
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toContain('4 passed');
});

it('the kernels, run on the host, pass the suite where it is about routers', () => {
  const { status, stdout, stderr } = runEmulated('conformance.test.ts', {}, '-t', 'generated/routers');
  expect(status, stdout + stderr).toBe(0);
  expect(Number(/Tests .*?(\d+) passed/.exec(stdout)![1])).toBeGreaterThan(30);
});
