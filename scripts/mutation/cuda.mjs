// The mutation run of the CUDA kernels, in two steps, because the GPU is elsewhere.
//   node scripts/mutation/cuda.mjs --prepare DIR [--sample 88] [--seed 1]: adds the mutants, and what runs them, to a folder of
//     benchmarks/bundle-webgpu.sh; there, on a host with nvcc and a GPU: xz -dc DIR/node.xz > node, then node DIR/cuda-run.mjs OUT
//   node scripts/mutation/cuda.mjs --results OUT/mutation-cuda.json: writes the section of docs/mutation.md
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chooseMutants, readSources } from './choose-mutants.mjs';
import { TARGETS } from './targets.mjs';
import { revision, writeSection } from './write-section.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { values } = parseArgs({
  options: {
    prepare: { type: 'string' },
    results: { type: 'string' },
    sample: { type: 'string', default: '88' },
    seed: { type: 'string', default: '1' },
  },
});
const target = TARGETS.cuda;
const sources = readSources(target);
if (values.prepare !== undefined) prepare(values.prepare);
else process.exitCode = finish(JSON.parse(readFileSync(values.results, 'utf8')));

function prepare(folder) {
  const chosen = chooseMutants(sources, { backend: 'cuda', ...values });
  const modules = `${folder}/node_modules/@moe-dispatch`;
  const addon = 'backend-cuda-linux-x64';
  for (const part of ['package.json', 'dist', 'fatbin', 'native/kernels'])
    cpSync(`${target.folder}${part}`, `${modules}/backend-cuda/${part}`, { recursive: true });
  mkdirSync(`${modules}/${addon}`, { recursive: true });
  for (const part of ['package.json', 'moe-dispatch-cuda.node'])
    cpSync(`${ROOT}packages/${addon}/${part}`, `${modules}/${addon}/${part}`);
  cpSync(fileURLToPath(new URL('cuda-run.mjs', import.meta.url)), `${folder}/cuda-run.mjs`);
  writeFileSync(
    `${folder}/mutants.json`,
    JSON.stringify({ sample: values.sample, seed: values.seed, revision: revision(), mutants: chosen }),
  );
  console.log(`${folder}: ${chosen.length} mutants`);
}

function finish({ sample, seed, revision, seconds, results }) {
  const about = { sample, seed, revision, minutes: Math.round(seconds / 60) };
  return writeSection('cuda', sources, results, about);
}
