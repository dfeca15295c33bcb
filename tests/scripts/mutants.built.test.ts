import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error: a script without types
import { buildMutant } from '../../scripts/mutation/build-mutant.mjs';
// @ts-expect-error: a script without types
import { CaseOrder } from '../../scripts/mutation/case-order.mjs';
// @ts-expect-error: a script without types
import { markMutants } from '../../scripts/mutation/coverage.mjs';
// @ts-expect-error: a script without types
import { findCudaMutants } from '../../scripts/mutation/cuda-mutants.mjs';
// @ts-expect-error: a script without types
import { FAULTS, findFaults } from '../../scripts/mutation/faults.mjs';
// @ts-expect-error: a script without types
import { applyMutant, drawSample, findMutants } from '../../scripts/mutation/mutants.mjs';
// @ts-expect-error: a script without types
import { explain, outdated, placeSection, renderSection } from '../../scripts/mutation/page.mjs';
// @ts-expect-error: a script without types
import { SuiteRunner } from '../../scripts/mutation/suite-runner.mjs';
// @ts-expect-error: a script without types
import { TARGETS } from '../../scripts/mutation/targets.mjs';
// @ts-expect-error: a script without types
import { findWgslMutants } from '../../scripts/mutation/wgsl-mutants.mjs';

interface Mutant {
  file: string;
  line: number;
  original: string;
  replacement: string;
  code: string;
}

const changes = (text: string): string[] =>
  findMutants('f.ts', text).map(({ original, replacement }: Mutant) => `${original} → ${replacement}`);

describe('findMutants', () => {
  it.each([
    ['const a = b < c;', ['< → <=', '< → >=']],
    ['const a = b === c;', ['=== → !==']],
    ['const a = b + 2 * c;', ['+ → -', '2 → 3', '2 → 1', '* → /']],
    ['const a = 0;', ['0 → 1']],
    ['if (a) b();', ['a → !(a)', 'b(); → ;']],
    ['if (a > b) return;', ['> → >=', '> → <=', 'return; → ;']],
    ['const a = !b ? -c : d++;', ['!b → !(!b)', '!b → b', '-c → c', 'd++ → d--']],
    ['const a = b && true;', ['&& → ||', 'true → false']],
    ['throw a;', ['throw a; → ;']],
  ])('%s', (text, expected) => {
    expect(changes(text)).toEqual(expected);
  });

  it('leaves types, imports and the texts of messages alone', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a program's text
    expect(changes("import { a } from './1.js'; let b: 1 | 2; const c = `${1 + 2} bytes`;")).toEqual([]);
  });

  it('says where a mutant is, and makes it', () => {
    const text = 'const a = 1;\nconst b = a <= 7;\n';
    const mutant = findMutants('f.ts', text)[2];
    expect(mutant).toMatchObject({ file: 'f.ts', line: 2, original: '<=', code: 'const b = a <= 7;' });
    expect(applyMutant(text, mutant)).toBe('const a = 1;\nconst b = a < 7;\n');
  });

  it('draws the same sample for the same seed', () => {
    const mutants = findMutants('f.ts', 'const a = 1 + 2 + 3 + 4 + 5 + 6;');
    const drawn = drawSample(mutants, 5, '1');
    expect(drawn).toHaveLength(5);
    expect(drawSample(mutants, 5, '1')).toEqual(drawn);
    expect(drawSample(mutants, 5, '2')).not.toEqual(drawn);
  });
});

describe('findWgslMutants', () => {
  const changes = (wgsl: string): string[] =>
    findWgslMutants('f.wgsl.ts', `const text = \`\n${wgsl}\n\`;`).map(
      ({ original, replacement }: Mutant) => `${original} → ${replacement}`,
    );

  it.each([
    ['let a = b < c;', ['< → <=', '< → >=']],
    ['let a = 0x10u + b;', ['0x10 → 17', '0x10 → 15', '+ → -']],
    ['if (a || b) { return; }', ['a || b → !(a || b)', '|| → &&', 'return; → ;']],
    ['rows[i] = row;', ['rows[i] = row; → ;']],
    ['workgroupBarrier();', ['workgroupBarrier(); → ;']],
    ['fn f(a: vec4<u32>) -> u32 { return a.x; } // a + b', []],
    ['var<private> a: array<u32, 4>;', []],
    ['@group(0) @binding(1) var<storage> a: array<u32>;', []],
  ])('%s', (wgsl, expected) => {
    expect(changes(wgsl)).toEqual(expected);
  });

  it('leaves TypeScript alone', () => {
    expect(findWgslMutants('f.ts', 'const a = b + 1;')).toEqual([]);
  });
});

describe('findCudaMutants', () => {
  const changes = (code: string) =>
    findCudaMutants('f.cuh', code).map(({ original, replacement }: Mutant) => `${original} → ${replacement}`);

  it('changes operators, numbers and statements', () => {
    expect(changes('  row = a + 1;')).toEqual(['row = a + 1; → ;', '+ → -', '1 → 2', '1 → 0']);
  });

  it('leaves comments, directives and declarations alone', () => {
    expect(changes('// a + 1\n/* b < c\n   d < e */\n#if N > 2\n')).toEqual([]);
    expect(changes('  const int row = a + b;')).toEqual(['+ → -']);
  });
});

describe('the suite on a mutant', () => {
  // In node_modules, so that the bundle finds core.
  const base = fileURLToPath(new URL('../../node_modules', import.meta.url));
  mkdirSync(base, { recursive: true });
  const folder = `${mkdtempSync(join(base, '.mutants-'))}/`;
  let runner: {
    run(bundle: string, way: object, cases?: string[]): Promise<{ killedBy: string }>;
    close(): void;
  };
  beforeAll(async () => {
    runner = new SuiteRunner(30_000, await buildMutant(TARGETS.cpu, folder, 'unmutated', {}));
  });
  afterAll(() => {
    runner.close();
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['src/plan.ts', 'offsets[expert] = row;', ';', /^golden\//],
    ['src/plan.ts', '++', '--', /^(golden\/|a crash|no end)/],
    ['wasm/scores.ts', '0.5', '1.5', /^golden\//],
  ])('kills %s: %s', async (file, original, replacement, killer) => {
    const path = new URL(`../../packages/backend-cpu/${file}`, import.meta.url);
    const text = readFileSync(path, 'utf8');
    const mutant = findMutants(file, text).find(
      (found: Mutant) => found.original.endsWith(original) && found.replacement.endsWith(replacement),
    );
    const bundle = await buildMutant(TARGETS.cpu, folder, 'mutant', { [file]: applyMutant(text, mutant) });
    expect((await runner.run(bundle, { simd: true })).killedBy).toMatch(killer);
  });

  it('believes no process that fails the backend as it is', async () => {
    const broken = join(folder, 'broken.mjs');
    writeFileSync(broken, 'export const cpu = () => { throw new Error("half written"); };');
    const distrusted = new SuiteRunner(30_000, broken);
    await expect(distrusted.run(broken, { simd: true })).rejects.toThrow(
      'without a mutation: Error: half written',
    );
    distrusted.close();
  });
});

describe('which cases a mutant gets', () => {
  const text = 'const a = `\nlet x = b + c;\nlet y = b < c;\n`;';
  const file = 'f.wgsl.ts';
  const mutants = findWgslMutants(file, text);
  const { marks, marked } = markMutants([{ file, text, mutants }]);
  const way = { lowLimits: true };
  const traces = {
    [JSON.stringify(way)]: [
      { id: 'quick', ms: 1, seen: [0] },
      { id: 'other', ms: 2, seen: [1] },
      { id: 'slow', ms: 30, seen: [0, 1] },
      { id: 'slowest', ms: 90, seen: [0] },
    ],
  };
  const order = new CaseOrder(traces, marks, 100);

  it('marks each place', () => {
    expect(marked[file]).toBe('const a = `\nlet x = b /*@0*/+ c;\nlet y = b /*@1*/< c;\n`;');
  });

  it('takes those that launch its place, killers first, and not more than the limit', () => {
    expect(order.casesFor(mutants[0], way)).toEqual(['quick', 'slow']);
    order.noteKill(file, 'slow');
    expect(order.casesFor(mutants[0], way)).toEqual(['slow', 'quick']);
    expect(order.casesFor(mutants[1], way)).toEqual(['slow', 'other']);
  });
});

it.each(['cpu', 'webgpu'] as const)('finds each fault of faults.json in the files of %s', (backend) => {
  const { folder, files } = TARGETS[backend];
  const found = files.flatMap(({ file }: { file: string }) =>
    findFaults(backend, file, readFileSync(`${folder}${file}`, 'utf8')),
  );
  expect(found).toHaveLength(FAULTS.filter((fault: { backend: string }) => fault.backend === backend).length);
});

describe('the page', () => {
  const common = { file: 'src/a.ts', line: 3, code: 'a < b', original: '<', replacement: '<=' };
  const results = [
    { ...common, status: 'killed', by: 'golden/x' },
    { ...common, line: 4, status: 'survived', by: '' },
    { ...common, line: 5, code: 'other', status: 'survived', by: '' },
    { ...common, line: 6, status: 'invalid', by: 'no' },
  ];
  const about = {
    ...TARGETS.cpu,
    found: 9,
    sample: '4',
    seed: '1',
    seconds: '60',
    minutes: 1,
    revision: 'abc',
  };

  it('does not hide a survivor that nobody has explained', () => {
    const reasons = [{ file: 'src/a.ts', code: 'a < b', change: '< → <=', why: 'it is the same' }];
    const { text, summary, unexplained } = renderSection(explain(results, reasons), about);
    expect(unexplained).toBe(1);
    expect(text).toContain('| `src/a.ts` | 3 | 1 | 1 | 1 | 50.0 % |');
    expect(text).toContain('`src/a.ts:4`, `< → <=` in `a < b`: it is the same');
    expect(summary).toContain('src/a.ts:5 < → <=');
  });

  it('has a section for each backend', () => {
    const page = '# Title\n<!-- cpu -->\nold\n<!-- end of cpu -->\nrest';
    expect(placeSection(page, 'cpu', 'new')).toBe('# Title\n<!-- cpu -->\n\nnew\n<!-- end of cpu -->\nrest');
    expect(() => placeSection(page, 'webgpu', 'new')).toThrow('no place for the section of webgpu');
  });

  it('keeps no reason whose code is gone', () => {
    const sources = [{ file: 'src/a.ts', text: 'if (a < b) c();' }];
    const reason = { file: 'src/a.ts', code: 'a < b' };
    const gone = { file: 'src/a.ts', code: 'a <= b' };
    expect(outdated([reason, gone, { file: 'src/b.ts', code: 'x' }], sources)).toEqual([gone]);
  });
});
