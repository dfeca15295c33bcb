// Writes a backend's section of docs/mutation.md.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { explain, outdated, placeSection, renderSection } from './page.mjs';
import { TARGETS } from './targets.mjs';

const SURVIVORS = new URL('survivors.json', import.meta.url);
const PAGE = new URL('../../docs/mutation.md', import.meta.url);

export function revision() {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
}

/**
 * @param about how the run was made
 * @param whole whether all files took part: only then the page changes
 * @returns the exit code: 1 if a survivor has no reason, or a reason no survivor's code
 */
export function writeSection(backend, sources, results, about, whole = true) {
  const reasons = JSON.parse(readFileSync(SURVIVORS, 'utf8'));
  const found = sources.reduce((sum, { mutants }) => sum + mutants.length, 0);
  const section = renderSection(explain(results, reasons), {
    ...TARGETS[backend],
    found,
    revision: revision(),
    ...about,
  });
  if (whole) writeFileSync(PAGE, placeSection(readFileSync(PAGE, 'utf8'), backend, section.text));
  console.log(section.summary);
  const old = outdated(reasons, sources);
  for (const { file, code } of old) console.log(`survivors.json: ${file} has no '${code}' any more`);
  return section.unexplained + old.length === 0 ? 0 : 1;
}
