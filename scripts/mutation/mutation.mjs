// pnpm mutation: changes a backend's kernels in one place at a time and sees whether the conformance suite notices.
// Writes the backend's section of docs/mutation.md. Options: --backend cpu|webgpu (default cpu), --sample <n> (240),
// --seed <n> (1), --jobs <n> (2), --only <file>, --seconds <n> (60): of cases for each mutant and way, as long as they
// take without a mutation. Ctrl-C ends it after the mutant at work, and writes what ran.
import { mkdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildMutant } from './build-mutant.mjs';
import { CaseOrder } from './case-order.mjs';
import { chooseMutants, readSources } from './choose-mutants.mjs';
import { markMutants } from './coverage.mjs';
import { shuffled } from './mutants.mjs';
import { SuiteRunner } from './suite-runner.mjs';
import { TARGETS } from './targets.mjs';
import { traceCases } from './trace.mjs';
import { writeSection } from './write-section.mjs';

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
  const chosen = chooseMutants(sources, values);
  const started = Date.now();
  const results = await runAll(target, folder, chosen, Number(values.jobs), { control, order, seed });
  rmSync(folder, { recursive: true });

  const minutes = Math.round((Date.now() - started) / 60_000);
  const about = { chosen: chosen.length, sample, seed, seconds, minutes };
  return writeSection(values.backend, sources, results, about, values.only === undefined);
}

/** Runs the backend as it is. */
async function makeOrder(target, folder, sources, limit) {
  const { marks, marked } = target.traced ? markMutants(sources) : { marks: undefined, marked: {} };
  const bundle = await buildMutant(target, folder, 'marked', marked);
  const traces = await traceCases(target, bundle, `${target.folder}node_modules/.mutation-traces/`);
  const control = await buildMutant(target, folder, 'unmutated', {});
  return { order: new CaseOrder(traces, marks, limit), control };
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
