import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PackedProject, PROGRAM, PROGRAM_OUTPUT } from './packed-project.js';

const deno = createRequire(import.meta.url).resolve('deno/bin.cjs');

let project: PackedProject;
beforeAll(() => {
  project = new PackedProject();
});
afterAll(() => project.remove());

it('a Deno script without any permission runs', () => {
  project.write('program.ts', PROGRAM);
  const args = [
    deno,
    'run',
    '--no-prompt',
    '--no-lock',
    '--cached-only',
    '--node-modules-dir=manual',
    'program.ts',
  ];
  const output = execFileSync(process.execPath, args, { cwd: project.folder, encoding: 'utf8' });
  expect(output.trim()).toBe(PROGRAM_OUTPUT);
});
