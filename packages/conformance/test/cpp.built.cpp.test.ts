import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { Workplace } from './command-line.js';

const place = new Workplace();
afterAll(() => place.remove());

const SOURCE = fileURLToPath(new URL('../../../examples/protocol/backend.cpp', import.meta.url));

it('the C++ program of examples/protocol has less than 200 lines, and passes all that it claims', {
  timeout: 240_000,
}, async () => {
  expect(readFileSync(SOURCE, 'utf8').split('\n').length).toBeLessThan(200);
  const program = join(place.folder, 'backend');
  const options = ['-O2', '-std=c++17', '-Wall', '-Wextra', '-Werror', '-ffp-contract=off'];
  execFileSync('g++', [...options, SOURCE, '-o', program]);
  const { stdout, code } = await place.run('run', '--command', program);
  expect(stdout).toMatch(/cpp \(CPU, C\+\+\), .*\n\d{3} passed, 0 failed, \d+ not claimed\n$/);
  expect(code).toBe(0);
});
