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

it('the kernels, run on the host, give the bytes of the CPU backend', () => {
  const test = 'packages/backend-cuda/test/gpu/random-against-cpu.test.ts';
  const env = { ...process.env, LD_LIBRARY_PATH: driver.folder, MOE_RANDOM: '100', MOE_MOST: '4000' };
  const args = [VITEST, 'run', '--project', 'cuda', test];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, env, encoding: 'utf8' });
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toContain('1 passed');
});
