import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { DOCUMENTS } from './code-blocks.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** GitHub's anchor of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

it.each(DOCUMENTS)('every link in %s leads somewhere', (file) => {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const links = Array.from(text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g));
  const broken = links.filter(([, path, fragment]) => {
    const target = path === '' ? join(ROOT, file) : join(ROOT, dirname(file), path);
    if (!existsSync(target)) return true;
    if (fragment === undefined) return false;
    const headings = readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm);
    return !Array.from(headings, ([, heading]) => anchor(heading)).includes(fragment);
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});
