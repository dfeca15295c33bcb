import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, expect, it } from 'vitest';
import { runnableBlocks } from './code-blocks.js';

const FILES = [
  'README.md',
  'docs/from-paddle.md',
  'packages/core/README.md',
  'packages/backend-cpu/README.md',
];

// Below tests, so that the packages are found, and in node_modules, so that nothing else takes it for a source.
const folder = fileURLToPath(new URL('../node_modules/.docs', import.meta.url));
mkdirSync(folder, { recursive: true });
afterAll(() => rmSync(folder, { recursive: true }));

const COMPILER_OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.esnext.disposable.d.ts'],
  types: [],
  strict: true,
  noEmit: true,
};

const blocks = FILES.flatMap(runnableBlocks).map((block) => {
  const name = `${block.file}:${block.line}`;
  const path = join(folder, `${name.replaceAll(/[/:]/g, '-')}.mts`);
  writeFileSync(path, block.code);
  return { ...block, name, path };
});

it.each(FILES)('%s holds a program', (file) => {
  expect(blocks.filter((block) => block.file === file)).not.toEqual([]);
});

it('all programs compile', () => {
  const paths = blocks.map(({ path }) => path);
  const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram(paths, COMPILER_OPTIONS));
  const host = { getCurrentDirectory: () => folder, getCanonicalFileName: String, getNewLine: () => '\n' };
  expect(ts.formatDiagnostics(diagnostics, host)).toBe('');
});

it.each(blocks)('$name prints what it says', ({ code, path, prints }) => {
  // As it stands: what is shown to JavaScript users has no types to strip.
  const script = path.replace('.mts', '.mjs');
  writeFileSync(script, code);
  const output = execFileSync(process.execPath, [script], { encoding: 'utf8' });
  expect(prints.length).toBeGreaterThan(0);
  expect(output.trimEnd().split('\n')).toEqual(prints);
});
