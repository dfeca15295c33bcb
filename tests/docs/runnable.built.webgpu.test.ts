import { rmSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { makeFolder, PROGRAMS, runProgram } from './code-blocks.js';

const folder = makeFolder('webgpu');
afterAll(() => rmSync(folder, { recursive: true }));

it.each(PROGRAMS.filter(({ needs }) => needs === 'webgpu'))('$name prints what it says', (block) => {
  expect(runProgram(block, folder)).toEqual(block.prints);
});
