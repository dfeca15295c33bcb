// Faults that people make in routers and kernels and that no single operator makes (faults.json). All of them run.
import { readFileSync } from 'node:fs';

export const FAULTS = JSON.parse(readFileSync(new URL('faults.json', import.meta.url), 'utf8'));

/**
 * The faults of a file, as findMutants gives mutants, with `fault`: what is wrong, in words.
 * @throws where a fault's code is not in the file just once
 */
export function findFaults(backend, file, text) {
  return FAULTS.filter((fault) => fault.backend === backend && fault.file === file).map(
    ({ fault, from, to }) => {
      const start = text.indexOf(from);
      if (start < 0 || text.includes(from, start + 1)) throw new Error(`faults.json: ${file}: '${from}'`);
      const before = text.slice(0, start).split('\n');
      const place = { file, line: before.length, column: before.at(-1).length + 1, start };
      return { ...place, end: start + from.length, original: from, replacement: to, code: fault, fault };
    },
  );
}
