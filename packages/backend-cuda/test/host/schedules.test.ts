import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { FLAGS } from '../../../backend-cuda-linux-x64/scripts/flags.mjs';

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));

it('an operation prepared for some tokens has the workspace and the kernels for fewer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moe-schedules-'));
  try {
    const launch = readdirSync(join(PACKAGE, 'native/launch')).filter((name) => name.endsWith('.cc'));
    const files = [...launch.map((name) => `native/launch/${name}`), 'native/driver/cuda_api.cc'];
    const program = join(folder, 'schedules');
    const sources = [...files, 'test/support/schedules.cc'].map((path) => join(PACKAGE, path));
    execFileSync(process.env.CXX || 'c++', [...FLAGS, ...sources, '-ldl', '-o', program]);
    const { status, stdout } = spawnSync(program, { encoding: 'utf8' });
    expect(stdout).toMatch(/^\d{5,} runs, 0 failures\n$/);
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
