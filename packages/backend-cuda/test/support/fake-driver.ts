import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('./fake-cuda.cc', import.meta.url));
const EMULATION = fileURLToPath(new URL('../emulation/', import.meta.url));

/** One that runs the kernels. */
export function buildEmulatedDriver(): ReturnType<typeof buildFakeDriver> {
  const flags = ['-O2', '-w', '-ffp-contract=off', '-DEMULATES', `-I${EMULATION}`];
  return buildFakeDriver(...flags, `${EMULATION}emulated.cc`);
}

/** Builds a fake libcuda.so.1; returns the folder for LD_LIBRARY_PATH. */
export function buildFakeDriver(...flags: string[]): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'moe-fake-cuda-'));
  const target = join(folder, 'libcuda.so.1');
  execFileSync(process.env.CXX || 'c++', ['-std=c++17', '-shared', '-fPIC', ...flags, SOURCE, '-o', target]);
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}
