import { rmSync } from 'node:fs';
import ts from 'typescript';
import { afterAll, expect, it } from 'vitest';
import { FRAGMENTS, fileOf, makeFolder, PROGRAMS, runProgram, writeProgram } from './code-blocks.js';

/** Pages that promise a program. */
const FILES = [
  'README.md',
  'docs/embed-in-a-framework.md',
  'docs/from-paddle.md',
  'docs/install-one-backend.md',
  'docs/routers.md',
  'docs/your-experts.md',
  'packages/core/README.md',
  'packages/backend-cpu/README.md',
  'packages/backend-cuda/README.md',
  'packages/backend-webgpu/README.md',
  'packages/conformance/README.md',
  'packages/models/README.md',
  'packages/safetensors/README.md',
];

const folder = makeFolder('anywhere');
afterAll(() => rmSync(folder, { recursive: true }));

const COMPILER_OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.esnext.disposable.d.ts'],
  types: [],
  strict: true,
  skipLibCheck: true,
  noEmit: true,
};

it.each(FILES)('%s holds a program', (file) => {
  expect(PROGRAMS.filter((block) => block.file === file)).not.toEqual([]);
});

it('every program says where it runs, and what it prints', () => {
  for (const { name, needs, prints } of PROGRAMS) {
    expect(['nothing', 'webgpu', 'cuda'], name).toContain(needs);
    expect(prints.length, name).toBeGreaterThan(0);
  }
});

it('all programs in TypeScript compile, those for a GPU too, and the other blocks that are whole files', () => {
  const compiled = FRAGMENTS.filter(({ mark }) => mark === 'compiled');
  const paths = [...PROGRAMS.filter(({ typed }) => typed), ...compiled].map((block) =>
    writeProgram(block, folder, '.mts'),
  );
  const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram(paths, COMPILER_OPTIONS));
  const host = { getCurrentDirectory: () => folder, getCanonicalFileName: String, getNewLine: () => '\n' };
  expect(ts.formatDiagnostics(diagnostics, host)).toBe('');
});

it.each(FRAGMENTS)('$name is compiled, here or in the file that it is an excerpt of', ({ mark, code }) => {
  expect(mark).toMatch(/^(compiled|excerpt \S+)$/);
  const [, file] = /^excerpt (\S+)$/.exec(mark) ?? [];
  if (file !== undefined) expect(fileOf(file)).toContain(code);
});

it.each(PROGRAMS.filter(({ needs }) => needs === 'nothing'))('$name prints what it says', (block) => {
  expect(runProgram(block, folder)).toEqual(block.prints);
});
