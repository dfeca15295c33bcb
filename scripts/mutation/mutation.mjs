// pnpm mutation: changes a backend's kernels in one place at a time and sees whether the conformance suite notices.
// Writes docs/mutation.md or docs/mutation-webgpu.md. Options: --backend cpu|webgpu (default cpu), --sample <n> (240),
// --seed <n> (1), --jobs <n> (2), --only <file>.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildMutant } from './build-mutant.mjs';
import { applyMutant, drawSample } from './mutants.mjs';
import { explain, renderPage } from './page.mjs';
import { SuiteRunner } from './suite-runner.mjs';
import { TARGETS } from './targets.mjs';

const SURVIVORS = new URL('survivors.json', import.meta.url);
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
    },
  });
  const target = TARGETS[values.backend];
  if (target === undefined) throw new Error(`--backend: one of ${Object.keys(TARGETS).join(', ')}`);
  const folder = `${target.folder}node_modules/.mutation/`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const files = target.files.filter(({ file }) => values.only === undefined || file === values.only);
  const { chosen, found } = choose(target, files, Number(values.sample), values.seed);
  const control = await buildMutant(target, folder, 'unmutated', 'none', '');
  await checkUnmutated(target, control);
  const started = Date.now();
  const results = await runAll(target, folder, chosen, Number(values.jobs), control);
  rmSync(folder, { recursive: true });

  const explained = explain(results, JSON.parse(readFileSync(SURVIVORS, 'utf8')));
  const minutes = Math.round((Date.now() - started) / 60_000);
  const revision = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const { sample, seed } = values;
  const page = renderPage(explained, { ...target, found, sample, seed, minutes, revision });
  if (values.only === undefined) writeFileSync(target.page, page.text);
  console.log(page.summary);
  return page.unexplained === 0 ? 0 : 1;
}

/** A share of each file's mutants. */
function choose({ folder, findMutants }, files, count, seed) {
  const sources = files.map(({ file, ways }) => {
    const text = readFileSync(`${folder}${file}`, 'utf8');
    return { text, ways, mutants: findMutants(file, text) };
  });
  const found = sources.reduce((sum, { mutants }) => sum + mutants.length, 0);
  const chosen = sources.flatMap(({ text, ways, mutants }) => {
    const share = Math.max(LEAST, Math.round((count * mutants.length) / found));
    return drawSample(mutants, share, seed).map((mutant) => ({
      mutant,
      ways,
      source: applyMutant(text, mutant),
    }));
  });
  return { chosen, found };
}

async function checkUnmutated({ checks, caseMs }, control) {
  const runner = new SuiteRunner(caseMs, control);
  for (const way of checks) {
    const { killedBy } = await runner.run(control, way);
    if (killedBy !== '') throw new Error(`without a mutation the suite fails: ${killedBy}`);
  }
  runner.close();
}

async function runAll(target, folder, chosen, jobs, control) {
  const results = [];
  const queue = [...chosen.entries()];
  const work = async () => {
    const runner = new SuiteRunner(target.caseMs, control);
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, { mutant, ways, source }] = next;
      const outcome = await runOne(target, folder, runner, index, mutant, ways, source);
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
  return results;
}

/** `invalid`: the compiler refuses the mutant, which counts neither way. */
async function runOne(target, folder, runner, index, mutant, ways, source) {
  let bundle;
  try {
    bundle = await buildMutant(target, folder, `mutant-${index}`, mutant.file, source);
  } catch (error) {
    return { status: 'invalid', by: error.message.split('\n')[0] };
  }
  for (const way of ways) {
    const { killedBy, invalid } = await runner.run(bundle, way);
    if (invalid !== undefined) return { status: 'invalid', by: invalid };
    if (killedBy !== '') return { status: 'killed', by: killedBy };
  }
  return { status: 'survived', by: '' };
}
