// Which mutants of a backend's files run.
import { readFileSync } from 'node:fs';
import { findFaults } from './faults.mjs';
import { applyMutant, drawSample } from './mutants.mjs';

/** The fewest mutants of a file. */
const LEAST = 2;

/** The files of a target, with all their mutants. */
export function readSources({ folder, files, findMutants }) {
  return files.map(({ file, ways }) => {
    const text = readFileSync(`${folder}${file}`, 'utf8');
    return { file, text, ways, mutants: findMutants(file, text) };
  });
}

/** All faults made by hand, and a share of each file's mutants. */
export function chooseMutants(sources, { backend, sample, seed, only }) {
  const found = sources.reduce((sum, { mutants }) => sum + mutants.length, 0);
  return sources
    .filter(({ file }) => only === undefined || file === only)
    .flatMap(({ file, text, ways, mutants }) => {
      const share = Math.max(LEAST, Math.round((Number(sample) * mutants.length) / found));
      const faults = findFaults(backend, file, text);
      return [...faults, ...drawSample(mutants, share, seed)].map((mutant) => ({
        mutant,
        ways,
        source: applyMutant(text, mutant),
      }));
    });
}
