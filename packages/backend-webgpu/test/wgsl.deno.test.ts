import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { allModules, type Module } from './all-modules.js';

interface DenoReport {
  unavailable?: string;
  compiled: number;
  failures: { id: string; message: string }[];
}

/** Compiles modules in Deno, whose WGSL compiler is naga. */
async function compileInDeno(modules: readonly Pick<Module, 'id' | 'code'>[]): Promise<DenoReport> {
  const folder = await mkdtemp(join(tmpdir(), 'moe-dispatch-deno-'));
  const file = join(folder, 'modules.json');
  await writeFile(file, JSON.stringify(modules));
  const deno = join(import.meta.dirname, '../node_modules/deno/bin.cjs');
  const script = join(import.meta.dirname, 'compile-in-deno.ts');
  const args = [deno, 'run', '--no-config', '--allow-read', script, file];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, DENO_DIR: folder },
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

const probe = await compileInDeno([]).catch((error: Error) => ({ unavailable: error.message }) as DenoReport);
// Deno's binary is here, or this file would not run; a GPU for it may not be.
if (probe.unavailable !== undefined && process.env.MOE_REQUIRE?.split(',').includes('deno')) {
  throw new Error(`MOE_REQUIRE wants deno: ${probe.unavailable}`);
}

describe('WGSL in Deno', () => {
  beforeEach(({ skip }) => skip(probe.unavailable !== undefined, probe.unavailable));

  it('compiles every module that the backend can emit without subgroups', { timeout: 120_000 }, async () => {
    // naga does not know `enable subgroups;`, and the backend uses it only where the device has the feature.
    const modules = allModules(256).filter(({ subgroups }) => !subgroups);
    expect(await compileInDeno(modules)).toEqual({ compiled: modules.length, failures: [] });
  });

  it('sees a module that is wrong', async () => {
    const { failures } = await compileInDeno([
      { id: 'wrong', code: '@compute fn main() { let x: u32 = 1.5; }' },
    ]);
    expect(failures.map(({ id }) => id)).toEqual(['wrong']);
  });
});
