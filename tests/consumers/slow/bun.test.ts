import { afterAll, beforeAll, expect, it } from 'vitest';
import { PackedProject, PROGRAM, PROGRAM_OUTPUT } from '../packed-project.js';

let project: PackedProject;
beforeAll(() => {
  project = new PackedProject(undefined, 'bun');
});
afterAll(() => project?.remove());

it('Bun runs a TypeScript program', ({ skip }) => {
  try {
    project.shell('npx bun --version');
  } catch (error) {
    skip(`the npm package 'bun' does not run here: ${(error as { stdout: string }).stdout.split('\n')[0]}`);
  }
  project.write('program.ts', PROGRAM);
  expect(project.shell('npx bun run program.ts')).toContain(PROGRAM_OUTPUT);
});
