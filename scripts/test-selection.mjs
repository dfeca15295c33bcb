import { basename } from 'node:path';

/*
 * What the name of a test file says: `*.built.test.ts` tests what `pnpm build` makes, `*.slow.test.ts` takes long. A part
 * may stand between: `*.built.deno.test.ts`.
 */
const hasMark = (path, mark) => basename(path).split('.').slice(1).includes(mark);

/** Whether a test file of that part needs a build first. */
export function needsBuild(path, part) {
  return part.built === true || hasMark(path, 'built');
}

/**
 * Whether a run leaves a file out for being slow: one of some files does, unless one of the filters names the file and
 * not only its folder. A run of all files leaves out none.
 * @param {string} path
 * @param {readonly string[]} filters of the command line
 */
export function isLeftOut(path, filters) {
  const name = basename(path).replace(/\.test\.ts$/, '');
  const names = (filter) => name.includes(basename(filter).replace(/\.test\.ts(:\d+)?$/, ''));
  return filters.length > 0 && hasMark(path, 'slow') && !filters.some(names);
}

/**
 * What vitest takes to run a file, or some lines of it. A file that a filter names in full has no lines, but a list.
 * @param {{ moduleId: string, testLines?: readonly number[] }} specification
 */
export function filtersOf({ moduleId, testLines = [] }) {
  return testLines.length === 0 ? [moduleId] : testLines.map((line) => `${moduleId}:${line}`);
}
