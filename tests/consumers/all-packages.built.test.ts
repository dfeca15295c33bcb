import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CUDA_PROGRAM, cudaAnswer } from './cuda-program.js';
import { ALL, PackedProject } from './packed-project.js';

let project: PackedProject;
beforeAll(() => {
  project = new PackedProject(ALL);
});
afterAll(() => project.remove());

it('npm installs all packages without a warning about them', () => {
  const warnings = project.installLog.split('\n').filter((line) => /warn/i.test(line));
  // A key of the machine's own npm configuration says nothing about the packages.
  expect(warnings.filter((line) => !/Unknown \w+ config/.test(line))).toEqual([]);
  expect(existsSync(join(project.folder, 'node_modules/@moe-dispatch/backend-cuda'))).toBe(true);
});

it('the CUDA backend dispatches, or says which part is missing', () => {
  project.write('cuda.js', CUDA_PROGRAM);
  expect(cudaAnswer(project.node('cuda.js'))).toBe('as expected');
});

it('the command of conformance runs', () => {
  const command =
    'npx moe-conformance run --backend @moe-dispatch/backend-cpu --filter golden/softmax-e8-k2-f32';
  expect(project.shell(command)).toMatch(/^1 passed, 0 failed$/m);
});
