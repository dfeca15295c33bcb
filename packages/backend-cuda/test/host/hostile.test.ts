import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildFakeDriver } from '../support/fake-driver.js';

const PLATFORM = new URL('../../../backend-cuda-linux-x64/', import.meta.url);
const CALLS = fileURLToPath(new URL('../support/hostile-calls.mjs', import.meta.url));

let driver: ReturnType<typeof buildFakeDriver>;
beforeAll(() => {
  driver = buildFakeDriver();
});
afterAll(() => driver.remove());

it('survives hostile arguments under AddressSanitizer', () => {
  const environment = { ...process.env, MOE_SANITIZE: 'address' };
  execFileSync(process.execPath, [fileURLToPath(new URL('scripts/build.mjs', PLATFORM))], {
    env: environment,
  });
  const compiler = process.env.CXX || 'c++';
  const runtime = execFileSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  const env = {
    ...process.env,
    LD_PRELOAD: runtime,
    LD_LIBRARY_PATH: driver.folder,
    // Node itself leaks at exit.
    ASAN_OPTIONS: 'detect_leaks=0',
  };
  const addon = fileURLToPath(new URL('build/address/moe-dispatch-cuda.node', PLATFORM));
  const output = execFileSync(process.execPath, [CALLS, addon], { env, encoding: 'utf8' });
  // A change of these numbers is a call that is now refused, or no longer.
  expect(JSON.parse(output)).toEqual({ threw: 3272, returned: 1255, unnamed: [] });
});
