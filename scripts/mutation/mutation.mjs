// pnpm mutation: changes the CPU backend's kernels in one place at a time and sees whether the conformance suite
// notices. Writes docs/mutation.md. Options: --sample <n> (default 240), --seed <n> (1), --jobs <n> (2), --only <file>.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildMutant } from './build-mutant.mjs';
import { applyMutant, findMutants, sample } from './mutants.mjs';
import { explain, renderPage } from './page.mjs';
import { SuiteRunner } from './suite-runner.mjs';

const BACKEND = fileURLToPath(new URL('../../packages/backend-cpu/', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/mutation.md', import.meta.url));
const SURVIVORS = new URL('survivors.json', import.meta.url);
// In node_modules, so that the bundles find core.
const FOLDER = fileURLToPath(new URL('../../node_modules/.mutation/', import.meta.url));

/** What is mutated. The JavaScript router only works without SIMD. */
const FILES = [
  { file: 'src/route.ts', simd: false },
  { file: 'src/choose.ts', simd: false },
  { file: 'src/gating-row.ts', simd: false },
  { file: 'src/scores.ts', simd: false },
  { file: 'src/sparse-mixer.ts', simd: false },
  { file: 'src/top-k.ts', simd: false },
  { file: 'src/weights.ts', simd: true },
  { file: 'src/capacity.ts', simd: true },
  { file: 'src/plan.ts', simd: true },
  { file: 'src/move-rows.ts', simd: false },
  { file: 'src/reduce.ts', simd: false },
  { file: 'src/check-indices.ts', simd: true },
  { file: 'src/weigh-rows.ts', simd: true },
  { file: 'src/simd-route.ts', simd: true },
  { file: 'wasm/route.ts', simd: true },
  { file: 'wasm/scores.ts', simd: true },
  { file: 'src/simd-move.ts', simd: true },
  { file: 'wasm/move.ts', simd: true },
  { file: 'src/simd-reduce.ts', simd: true },
  { file: 'wasm/reduce.ts', simd: true },
  { file: 'wasm/floats.ts', simd: true },
  { file: 'src/heap.ts', simd: true },
  { file: 'src/memory-pool.ts', simd: true },
];

process.exitCode = await main();

async function main() {
  const { values } = parseArgs({
    options: {
      sample: { type: 'string', default: '240' },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '2' },
      only: { type: 'string' },
    },
  });
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const files = FILES.filter(({ file }) => values.only === undefined || file === values.only);
  const { chosen, found } = choose(files, Number(values.sample), values.seed);
  const control = await buildMutant(FOLDER, 'unmutated', 'none', '');
  await checkUnmutated(control);
  const started = Date.now();
  const results = await runAll(chosen, Number(values.jobs), control);
  rmSync(FOLDER, { recursive: true });

  const explained = explain(results, JSON.parse(readFileSync(SURVIVORS, 'utf8')));
  const minutes = Math.round((Date.now() - started) / 60_000);
  const page = renderPage(explained, { found, sample: values.sample, seed: values.seed, minutes });
  if (values.only === undefined) writeFileSync(PAGE, page.text);
  console.log(page.summary);
  return page.unexplained === 0 ? 0 : 1;
}

/** A share of each file's mutants, at least eight. */
function choose(files, count, seed) {
  const sources = files.map(({ file, simd }) => {
    const text = readFileSync(`${BACKEND}${file}`, 'utf8');
    return { text, simd, mutants: findMutants(file, text) };
  });
  const found = sources.reduce((sum, { mutants }) => sum + mutants.length, 0);
  const chosen = sources.flatMap(({ text, simd, mutants }) => {
    const share = Math.max(8, Math.round((count * mutants.length) / found));
    return sample(mutants, share, seed).map((mutant) => ({
      mutant,
      simd,
      source: applyMutant(text, mutant),
    }));
  });
  return { chosen, found };
}

async function checkUnmutated(control) {
  const runner = new SuiteRunner(control);
  for (const simd of [true, false]) {
    const killedBy = await runner.run(control, simd);
    if (killedBy !== '') throw new Error(`without a mutation the suite fails: ${killedBy}`);
  }
  runner.close();
}

async function runAll(chosen, jobs, control) {
  const results = [];
  const queue = [...chosen.entries()];
  const work = async () => {
    const runner = new SuiteRunner(control);
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, { mutant, simd, source }] = next;
      const outcome = await runOne(runner, index, mutant, simd, source);
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
async function runOne(runner, index, mutant, simd, source) {
  let bundle;
  try {
    bundle = await buildMutant(FOLDER, `mutant-${index}`, mutant.file, source);
  } catch (error) {
    return { status: 'invalid', by: error.message.split('\n')[0] };
  }
  const by = await runner.run(bundle, simd);
  return { status: by === '' ? 'survived' : 'killed', by };
}
