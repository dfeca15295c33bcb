import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/* An operation, an output and a scoring function that a copy of core has and the backends do not know. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TOY = join(ROOT, 'examples/toy-backend/toy-backend.ts');
/** Where the CPU backend makes scores. */
const SCORES = join(ROOT, 'packages/backend-cpu/src/gating-row.ts');

const folder = mkdtempSync(join(tmpdir(), 'moe-core-'));
const core = join(folder, 'src');
beforeAll(() => {
  cpSync(join(ROOT, 'packages/core/src'), core, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Changes a file of the copy for the time of `work`. */
function edited<V>(file: string, before: string, after: string, work: () => V): V {
  const path = join(core, file);
  const source = readFileSync(path, 'utf8');
  expect(source.split(before)).toHaveLength(2);
  writeFileSync(path, source.replace(before, after));
  try {
    return work();
  } finally {
    writeFileSync(path, source);
  }
}

/** Files of core, and what uses it, that do not compile. Core needs nothing but ECMAScript. */
function filesWithErrors(user = TOY, ...libs: string[]): string[] {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.base.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const program = ts.createProgram({
    rootNames: [user],
    options: {
      ...options,
      noEmit: true,
      composite: false,
      incremental: false,
      declaration: false,
      declarationMap: false,
      types: [],
      lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts', ...libs],
      paths: {
        '@moe-dispatch/core': [join(core, 'index.ts')],
        '@moe-dispatch/core/backend': [join(core, 'backend-authors.ts')],
      },
    },
  });
  return program
    .getSourceFiles()
    .filter((file) => !file.isDeclarationFile && program.getSemanticDiagnostics(file).length > 0)
    .map(({ fileName }) => (fileName === user ? 'the backend' : relative(core, fileName)))
    .sort();
}

describe('the toy backend', () => {
  it('compiles with core as it is', () => {
    expect(filesWithErrors()).toEqual([]);
  });

  it('compiles untouched with an operation more; in core, its checks and options are missing', () => {
    const operation = `twiceRows: {
    sizes: ['tokens', 'hidden'], rows: 'any', attributes: [], inputs: ['x'], optional: [], named: [], outputs: ['output'],
  },
  moeReduce: {`;
    const wrong = edited('operations/table.ts', '  moeReduce: {', `  ${operation}`, filesWithErrors);
    expect(wrong).toEqual(['operations/inputs.ts', 'operations/prepare.ts']);
  });

  it('compiles untouched with an output more', () => {
    const wrong = edited(
      'operations/table.ts',
      "'permuteIndicesPerToken'] as const",
      "'permuteIndicesPerToken', 'rowTokens'] as const",
      () =>
        edited(
          'operations/table.ts',
          '  ffnOut: {',
          "  rowTokens: { dtype: 'int32', shape: ({ tokens, topK }) => [topK * tokens] },\n  ffnOut: {",
          filesWithErrors,
        ),
    );
    expect(wrong).toEqual([]);
  });

  it('compiles untouched with a scoring function more, which it refuses', () => {
    expect(
      edited('router.ts', "'sqrtsoftplus', 'none']", "'sqrtsoftplus', 'tanh', 'none']", filesWithErrors),
    ).toEqual([]);
  });
});

describe('the CPU backend', () => {
  it('does not compile with a scoring function more, which it would take for another', () => {
    const wrong = edited(
      'router.ts',
      "'sqrtsoftplus', 'none']",
      "'sqrtsoftplus', 'tanh', 'none']",
      () => filesWithErrors(SCORES, 'lib.dom.d.ts'), // for WebAssembly
    );
    expect(wrong).toEqual(['the backend']);
  });
});
