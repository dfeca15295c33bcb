import { afterAll, beforeAll, expect, it } from 'vitest';
import { PackedProject, PROGRAM_OUTPUT } from './packed-project.js';

let project: PackedProject;
beforeAll(() => {
  project = new PackedProject(undefined, 'commonjs');
});
afterAll(() => project.remove());

it('CommonJS gets the packages with require()', ({ skip }) => {
  const { require_module } = process.features as { require_module?: boolean };
  if (!require_module) skip(`Node ${process.version} has no require() of ES modules`);
  expect(project.node('main.cjs')).toBe(PROGRAM_OUTPUT);
});
