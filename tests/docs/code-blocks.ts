import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where a program runs: anywhere, or where there is a device. */
export type Needs = 'nothing' | 'webgpu' | 'cuda';

/** A program in a Markdown file, between "```ts runnable", "```js runnable webgpu" or "… cuda" and "```". */
export interface CodeBlock {
  readonly name: string;
  readonly file: string;
  readonly needs: Needs;
  /** Whether it is TypeScript, which compiles as it stands. */
  readonly typed: boolean;
  readonly code: string;
  /** The lines that it says it prints, in comments `// prints …`. */
  readonly prints: readonly string[];
}

/** The Markdown files that users read, relative to the repository's root. */
export const DOCUMENTS: readonly string[] = [
  ...markdownIn('.'),
  ...markdownIn('docs'),
  ...markdownIn('docs/design'),
  ...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/README.md`),
];

function markdownIn(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md'));
  return names.map((name) => join(folder, name));
}

/** All programs of the documents, in the order in which they stand there. */
export const PROGRAMS: readonly CodeBlock[] = DOCUMENTS.flatMap(runnableBlocks);

function runnableBlocks(file: string): CodeBlock[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return Array.from(
    text.matchAll(/^```(ts|js) runnable(?: (\w+))?\n(.*?)^```$/gms),
    ({ 1: language, 2: needs, 3: code, index }) => ({
      name: `${file}:${text.slice(0, index).split('\n').length}`,
      file,
      needs: (needs ?? 'nothing') as Needs,
      typed: language === 'ts',
      code,
      prints: Array.from(code.matchAll(/\/\/ prints (.*)$/gm), ([, output]) => output),
    }),
  );
}

/** A block that is no program: compiled as a file of its own, or an excerpt of one that is. */
export interface Fragment {
  readonly name: string;
  /** `compiled`, or `excerpt` and the file. Empty where the block does not say. */
  readonly mark: string;
  readonly code: string;
}

/** All other blocks in TypeScript. */
export const FRAGMENTS: readonly Fragment[] = DOCUMENTS.flatMap((file) => {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return Array.from(
    text.matchAll(/^```ts(?! runnable) ?(.*?)\n(.*?)^```$/gms),
    ({ 1: mark, 2: code, index }) => ({
      name: `${file}:${text.slice(0, index).split('\n').length}`,
      mark,
      code,
    }),
  );
});

/** The text of a file of the repository. */
export function fileOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Makes a folder for programs: below tests, so that the packages are found, in node_modules, so that nothing else looks. */
export function makeFolder(name: string): string {
  const folder = fileURLToPath(new URL(`../node_modules/.docs-${name}`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Writes a program to `folder` and returns the path. */
export function writeProgram(
  { name, code }: Pick<CodeBlock, 'name' | 'code'>,
  folder: string,
  extension: '.mjs' | '.mts',
): string {
  const path = join(folder, `${name.replaceAll(/[/:]/g, '-')}${extension}`);
  writeFileSync(path, code);
  return path;
}

/** The lines that a program prints. It runs as it stands: what is shown to JavaScript users has no types to strip. */
export function runProgram(block: CodeBlock, folder: string): string[] {
  const path = writeProgram(block, folder, '.mjs');
  return execFileSync(process.execPath, [path], { encoding: 'utf8' }).trimEnd().split('\n');
}
