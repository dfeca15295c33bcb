import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL, PackedProject } from '../packed-project.js';

const manifest = fileURLToPath(new URL('../fixtures/typescript/package.json', import.meta.url));
/** The first is the oldest that is supported: before 5.7 typed arrays were not generic, and declarations decay to `any`. */
const COMPILERS = Object.keys(JSON.parse(readFileSync(manifest, 'utf8')).devDependencies);
const OPTIONS = '--noEmit --strict --target es2022 --lib es2022,dom';

let project: PackedProject;
beforeAll(() => {
  project = new PackedProject(ALL, 'typescript');
});
afterAll(() => project?.remove());

/** What the compiler prints: its complaints. */
function compile(compiler: string, options: string): string {
  const tsc = `node node_modules/${compiler}/bin/tsc`;
  return project.shell(`${tsc} ${OPTIONS} ${options} main.ts || true`);
}

describe.each(COMPILERS)('%s takes the declarations', (compiler) => {
  it.each([
    ['bundler', '--module es2022 --moduleResolution bundler'],
    ['node16', '--module node16 --moduleResolution node16'],
    ['nodenext', '--module nodenext --moduleResolution nodenext'],
  ])('with moduleResolution %s', (_, options) => {
    expect(compile(compiler, `${options} --skipLibCheck`)).toBe('');
  });
});

it('TypeScript 6 has nothing to say against the declarations themselves', () => {
  const options = '--module nodenext --moduleResolution nodenext --lib es2022,dom,esnext.disposable';
  expect(compile('typescript-6.0', `${options} --skipLibCheck false`)).toBe('');
});
