import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildFakeDriver } from '../support/fake-driver.js';

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
const CREATE = fileURLToPath(new URL('../support/create-cuda.mjs', import.meta.url));
const INSPECT = fileURLToPath(new URL('../../bin/moe-dispatch-cuda.js', import.meta.url));

let driver: ReturnType<typeof buildFakeDriver>;
let lacking: ReturnType<typeof buildFakeDriver>;
const noDriver = mkdtempSync(join(tmpdir(), 'moe-no-cuda-'));

beforeAll(() => {
  driver = buildFakeDriver();
  lacking = buildFakeDriver('-DLACKS_A_FUNCTION');
});
afterAll(() => {
  driver.remove();
  lacking.remove();
  rmSync(noDriver, { recursive: true });
});

/** A copy of the package that finds no platform package. */
function withoutPlatformPackage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'moe-no-addon-'));
  for (const part of ['bin', 'dist', 'fatbin', 'package.json']) {
    cpSync(join(PACKAGE, part), join(folder, part), { recursive: true });
  }
  mkdirSync(join(folder, 'node_modules/@moe-dispatch'), { recursive: true });
  symlinkSync(join(PACKAGE, '../core'), join(folder, 'node_modules/@moe-dispatch/core'));
  return folder;
}
// pnpm's commands let modules of the workspace be found from everywhere.
const outsideWorkspace = { ...process.env, NODE_PATH: '' };

function run(script: string, folder: string, mode: string, ...args: string[]): string {
  const env = { ...process.env, LD_LIBRARY_PATH: folder, FAKE_CUDA: mode };
  return execFileSync(process.execPath, [script, ...args], { env, encoding: 'utf8' });
}
const inspection = (folder: string, mode: string, ...args: string[]) =>
  spawnSync(process.execPath, [INSPECT, ...args], {
    env: { ...process.env, LD_LIBRARY_PATH: folder, FAKE_CUDA: mode },
    encoding: 'utf8',
  });
const create = (folder: string, mode: string, ordinal = 0) =>
  JSON.parse(run(CREATE, folder, mode, String(ordinal)));

describe('creating the backend', () => {
  const unavailable = { name: 'CudaUnavailableError', code: 'BACKEND_UNAVAILABLE' };

  it('works with a driver and a device', () => {
    expect(create(driver.folder, '').info).toMatchObject({ name: 'cuda', device: 'Fake GPU, ordinal 0' });
  });

  it('says so when there is no driver', () => {
    // A file in front of a driver that this machine may have.
    writeFileSync(join(noDriver, 'libcuda.so.1'), 'no library');
    const error = create(noDriver, '');
    expect(error).toMatchObject({ ...unavailable, reason: 'no-driver' });
    expect(error.found).toContain('libcuda.so.1');
  });

  it('says so when the platform package is not installed', () => {
    const folder = withoutPlatformPackage();
    try {
      const script = `import { cuda } from '${join(folder, 'dist/index.js')}';
        await cuda().create().catch(({ reason, expected }) => console.log(JSON.stringify({ reason, expected })));`;
      const args = ['--input-type=module', '-e', script];
      const error = JSON.parse(
        execFileSync(process.execPath, args, { env: outsideWorkspace, encoding: 'utf8' }),
      );
      expect(error.reason).toBe('no-platform-package');
      expect(error.expected).toContain('@moe-dispatch/backend-cuda-linux-x64');
      expect(error.expected).toContain('or install its tarball');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says so when the platform package is of another version', () => {
    const folder = withoutPlatformPackage();
    try {
      const addon = join(folder, 'node_modules/@moe-dispatch/backend-cuda-linux-x64');
      mkdirSync(addon);
      writeFileSync(join(addon, 'index.js'), "exports.contract = 'tokens; hidden';");
      const script = `import { cuda } from '${join(folder, 'dist/index.js')}';
        await cuda().create().catch(({ reason, found }) => console.log(JSON.stringify({ reason, found })));`;
      const args = ['--input-type=module', '-e', script];
      const error = JSON.parse(
        execFileSync(process.execPath, args, { env: outsideWorkspace, encoding: 'utf8' }),
      );
      expect(error.reason).toBe('no-platform-package');
      expect(error.found).toContain('of another version');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names the function that an old driver lacks', () => {
    const error = create(lacking.folder, '');
    expect(error).toMatchObject({ ...unavailable, reason: 'driver-too-old' });
    expect(error.found).toContain('cuMemsetD8Async');
  });

  it.each([
    ['old', 'driver-too-old', 'CUDA 11.2'],
    ['no-device', 'no-device', 'CUDA_ERROR_FAKE'],
    ['empty', 'no-device', 'without devices'],
    ['mismatch', 'driver-failed', 'CUDA_ERROR_FAKE'],
    ['crash', 'probe-crashed', 'SIGABRT'],
    ['kepler', 'unsupported-device', 'compute capability 3.0'],
  ])('with a driver that is %s says %s', (mode, reason, found) => {
    const error = create(driver.folder, mode);
    expect(error).toMatchObject({ ...unavailable, reason });
    expect(error.found).toContain(found);
  });

  it('names the devices when the ordinal is not one of them', () => {
    const error = create(driver.folder, '', 7);
    expect(error).toMatchObject({ ...unavailable, reason: 'no-such-ordinal', found: 'ordinal 7' });
    expect(error.expected).toContain('0 (Fake GPU)');
  });
});

describe('inspect', () => {
  it('prints driver, device and fat binary', () => {
    const text = run(INSPECT, driver.folder, '', 'inspect');
    expect(text).toContain('CUDA backend: available');
    expect(text).toContain('device 0: Fake GPU, 1.0 GiB, compute capability 9.0, 132 multiprocessors');
    expect(text).toMatch(/fat binary: \d+ bytes by nvcc [\d.]+: machine code for 7\.5, .*12\.0/);
  });

  it('gives the obstacle as JSON, and exits with 1', () => {
    const { status, stdout } = inspection(driver.folder, 'empty', 'inspect', '--json');
    expect(status).toBe(1);
    const obstacle = { reason: 'no-device' };
    expect(JSON.parse(stdout)).toMatchObject({ available: false, driver: '13.0', obstacle });
  });

  it('says of a driver whether there is none, or it does not tell its version', () => {
    writeFileSync(join(noDriver, 'libcuda.so.1'), 'no library');
    expect(inspection(noDriver, '', 'inspect').stdout).toContain('driver: none (required: 12.0 or later)');
    expect(inspection(driver.folder, 'crash', 'inspect').stdout).toContain('driver: of unknown version');
  });

  it('says that it did not look for a driver when the platform package is not installed', () => {
    const folder = withoutPlatformPackage();
    try {
      const args = [join(folder, 'bin/moe-dispatch-cuda.js'), 'inspect'];
      const { status, stdout } = spawnSync(process.execPath, args, {
        env: outsideWorkspace,
        encoding: 'utf8',
      });
      expect(status).toBe(1);
      expect(stdout).toContain('driver: not looked for (required: 12.0 or later)');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('shows its usage when asked, and for a wrong command, which exits with 2', () => {
    const help = inspection(driver.folder, '', '--help');
    expect(help).toMatchObject({ status: 0, stdout: expect.stringContaining('usage: moe-dispatch-cuda') });
    const wrong = inspection(driver.folder, '', 'inspect', '--jsn');
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('usage: moe-dispatch-cuda') });
  });
});
