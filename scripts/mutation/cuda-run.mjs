// Compiles the mutants of mutants.json, beside this file, with nvcc and runs the conformance suite on each, up to the first
// failure. Usage, on a host with a GPU: node cuda-run.mjs OUT [compilers, default 14] [suites, default 6]
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const BACKEND = `${HERE}node_modules/@moe-dispatch/backend-cuda/`;
const SUITE = `${HERE}node_modules/@moe-dispatch/conformance/bin/moe-conformance.js`;
/** Of one suite, in ms; without a mutation it takes a quarter of it. */
const LIMIT = 120_000;
const run = promisify(execFile);
const [out, compilers = '14', suites = '6'] = process.argv.slice(2);
const { mutants, ...about } = JSON.parse(readFileSync(`${HERE}mutants.json`, 'utf8'));
const started = Date.now();
const results = mutants.map(({ mutant }) => ({ ...mutant, status: 'not run', by: '' }));

// The first is no mutant: what the others say counts only if it passes.
const jobs = [{ mutant: undefined }, ...mutants].map(({ mutant, source }, index) => ({
  mutant,
  source,
  index: index - 1,
}));
const compiled = [];
let compiling = Number(compilers);
await Promise.all([
  ...Array.from({ length: compiling }, compileAll),
  ...Array.from({ length: Number(suites) }, judgeAll),
]);
save();

async function compileAll() {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    try {
      compiled.push({ ...job, folder: await compile(job) });
    } catch (error) {
      note(job, 'invalid', /error: (.*)/.exec(error.stderr)?.[1] ?? error.message.split('\n')[0]);
    }
  }
  compiling -= 1;
}

/** @returns the folder of a backend with the mutant's kernels */
async function compile({ mutant, source, index }) {
  const folder = `${HERE}mutants/${index}/`;
  mkdirSync(`${folder}fatbin`, { recursive: true });
  for (const part of ['package.json', 'dist', 'native', 'fatbin/manifest.json'])
    cpSync(`${BACKEND}${part}`, `${folder}${part}`, { recursive: true });
  if (mutant !== undefined) writeFileSync(`${folder}${mutant.file}`, source);
  const flags = ['--fatbin', '-std=c++17', '-O3', '-gencode=arch=compute_90,code=sm_90', '-o'];
  const [binary, kernels] = [`${folder}fatbin/kernels.fatbin`, `${folder}native/kernels/kernels.cu`];
  await run('nvcc', [...flags, binary, kernels], { timeout: 240_000 });
  return folder;
}

async function judgeAll() {
  while (compiling > 0 || compiled.length > 0) {
    const job = compiled.shift();
    if (job === undefined) await new Promise((resolve) => setTimeout(resolve, 100));
    else note(job, ...(await judge(job.folder)));
  }
}

async function judge(folder) {
  const report = `${folder}report.json`;
  const options = ['--max-failures', '1', '--timeout', '10', '--random', '200', '--json', report];
  const command = [SUITE, 'run', '--backend', `${folder}dist/index.js#cuda`, ...options];
  try {
    await run(process.execPath, command, { timeout: LIMIT, killSignal: 'SIGKILL', maxBuffer: 2 ** 26 });
    return ['survived', ''];
  } catch (error) {
    if (error.killed) return ['killed', 'no end'];
    if (error.code === 1) {
      const { cases } = JSON.parse(readFileSync(report, 'utf8'));
      return ['killed', cases.find(({ status }) => status === 'failed').id];
    }
    return ['killed', `a crash: ${error.stderr.trim().split('\n').pop()}`];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function note({ index, mutant }, status, by) {
  const place =
    mutant === undefined
      ? 'unmutated'
      : `${mutant.file}:${mutant.line} ${mutant.original} → ${mutant.replacement}`;
  console.log(
    `${Math.round((Date.now() - started) / 1000)} s ${place.replaceAll(/\s+/g, ' ')}: ${status} ${by}`,
  );
  if (mutant !== undefined) Object.assign(results[index], { status, by });
  else if (status !== 'survived') throw new Error(`without a mutation: ${status} ${by}`);
  save();
}

/** After each, so that a run that is cut off leaves what it has. */
function save() {
  const seconds = Math.round((Date.now() - started) / 1000);
  writeFileSync(`${out}/mutation-cuda.json`, JSON.stringify({ ...about, seconds, results }));
}
