// pnpm mutation: changes a backend's kernels in one place at a time and sees whether the conformance suite notices.
// Writes the backend's section of docs/mutation.md. Options: --backend cpu|webgpu (default cpu), --sample <n> (240),
// --seed <n> (1), --jobs <n> (2), --only <file>, --seconds <n> (60): of cases for each mutant and way, as long as they
// take without a mutation. Ctrl-C ends it after the mutant at work, and writes what ran.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildMutant } from './build-mutant.mjs';
import { CaseOrder } from './case-order.mjs';
import { markMutants } from './coverage.mjs';
import { findFaults } from './faults.mjs';
import { applyMutant, drawSample, shuffled } from './mutants.mjs';
import { explain, outdated, placeSection, renderSection } from './page.mjs';
import { SuiteRunner } from './suite-runner.mjs';
import { TARGETS } from './targets.mjs';
import { traceCases } from './trace.mjs';

const SURVIVORS = new URL('survivors.json', import.meta.url);
const PAGE = new URL('../../docs/mutation.md', import.meta.url);
/** The fewest mutants of a file. */
const LEAST = 2;

process.exitCode = await main();

async function main() {
  const { values } = parseArgs({
    options: {
      backend: { type: 'string', default: 'cpu' },
      sample: { type: 'string', default: '240' },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '2' },
      only: { type: 'string' },
      seconds: { type: 'string', default: '60' },
    },
  });
  const { sample, seed, seconds } = values;
  const target = TARGETS[values.backend];
  if (target === undefined) throw new Error(`--backend: one of ${Object.keys(TARGETS).join(', ')}`);
  const folder = `${target.folder}node_modules/.mutation/`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const sources = readSources(target);
  const { order, control } = await makeOrder(target, folder, sources, Number(seconds) * 1000);
  const chosen = choose(sources, values);
  const started = Date.now();
  const results = await runAll(target, folder, chosen, Number(values.jobs), { control, order, seed });
  rmSync(folder, { recursive: true });

  const reasons = JSON.parse(readFileSync(SURVIVORS, 'utf8'));
  const minutes = Math.round((Date.now() - started) / 60_000);
  const revision = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const found = sources.reduce((sum, { mutants }) => sum + mutants.length, 0);
  const about = { ...target, found, chosen: chosen.length, sample, seed, seconds, minutes, revision };
  const section = renderSection(explain(results, reasons), about);
  if (values.only === undefined)
    writeFileSync(PAGE, placeSection(readFileSync(PAGE, 'utf8'), values.backend, section.text));
  console.log(section.summary);
  const old = outdated(reasons, sources);
  for (const { file, code } of old) console.log(`survivors.json: ${file} has no '${code}' any more`);
  return section.unexplained + old.length === 0 ? 0 : 1;
}

function readSources({ folder, files, findMutants }) {
  return files.map(({ file, ways }) => {
    const text = readFileSync(`${folder}${file}`, 'utf8');
    return { file, text, ways, mutants: findMutants(file, text) };
  });
}

/** Runs the backend as it is. */
async function makeOrder(target, folder, sources, limit) {
  const { marks, marked } = target.traced ? markMutants(sources) : { marks: undefined, marked: {} };
  const bundle = await buildMutant(target, folder, 'marked', marked);
  const traces = await traceCases(target, bundle, `${target.folder}node_modules/.mutation-traces/`);
  const control = await buildMutant(target, folder, 'unmutated', {});
  return { order: new CaseOrder(traces, marks, limit), control };
}

/** All faults made by hand, and a share of each file's mutants. */
function choose(sources, { backend, sample, seed, only }) {
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

async function runAll(target, folder, chosen, jobs, { control, order, seed }) {
  const results = [];
  // In no order of files, so that what ran before Ctrl-C is a sample too.
  const queue = shuffled([...chosen.entries()], seed);
  process.once('SIGINT', () => queue.splice(0));
  const work = async () => {
    const runner = new SuiteRunner(target.caseMs, control);
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, each] = next;
      const outcome = await runOne(target, folder, runner, order, `mutant-${index}`, each);
      const { mutant } = each;
      results[index] = { ...mutant, ...outcome };
      const place = `${mutant.file}:${mutant.line} ${mutant.original} → ${mutant.replacement}`.replaceAll(
        /\s+/g,
        ' ',
      );
      const said = outcome.status === 'survived' ? 'SURVIVED' : `${outcome.status} ${outcome.by}`;
      console.log(`${results.filter(Boolean).length}/${chosen.length} ${place}: ${said}`);
    }
    runner.close();
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return results.filter(Boolean);
}

/** `invalid`: the compiler refuses the mutant, which counts neither way. */
async function runOne(target, folder, runner, order, name, { mutant, ways, source }) {
  let bundle;
  try {
    bundle = await buildMutant(target, folder, name, { [mutant.file]: source });
  } catch (error) {
    return { status: 'invalid', by: error.message.split('\n')[0] };
  }
  const cases = [];
  for (const way of ways) {
    const chosen = order.casesFor(mutant, way);
    if (chosen.length === 0) continue;
    const { killedBy, invalid } = await runner.run(bundle, way, chosen);
    if (invalid !== undefined) return { status: 'invalid', by: invalid };
    if (killedBy !== '') {
      order.noteKill(mutant.file, killedBy);
      return { status: 'killed', by: killedBy };
    }
    cases.push(chosen.length);
  }
  return { status: 'survived', by: '', cases };
}
