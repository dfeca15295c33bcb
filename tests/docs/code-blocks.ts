import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A program in a Markdown file, between "```ts runnable" and "```". */
export interface CodeBlock {
  readonly file: string;
  readonly line: number;
  readonly code: string;
  /** The lines that it says it prints, in comments `// prints …`. */
  readonly prints: readonly string[];
}

/** @param file relative to the repository's root */
export function runnableBlocks(file: string): CodeBlock[] {
  const text = readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');
  return Array.from(text.matchAll(/^```ts runnable\n(.*?)^```$/gms), ({ 1: code, index }) => ({
    file,
    line: text.slice(0, index).split('\n').length,
    code,
    prints: Array.from(code.matchAll(/\/\/ prints (.*)$/gm), ([, output]) => output),
  }));
}
