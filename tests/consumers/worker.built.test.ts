import { afterAll, beforeAll, expect, it } from 'vitest';
import { PackedProject, PROGRAM_OUTPUT } from './packed-project.js';

let project: PackedProject;
beforeAll(() => {
  project = new PackedProject(undefined, 'worker');
});
afterAll(() => project.remove());

it('a worker thread of Node dispatches', () => {
  expect(project.node('main.mjs')).toBe(PROGRAM_OUTPUT);
});
