// The fat binary of the kernels and the manifest that ties it to its sources.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PACKAGE = new URL('../', import.meta.url);
const SOURCES = 'native/kernels/';
export const FATBIN = new URL('fatbin/kernels.fatbin', PACKAGE);
export const MANIFEST = new URL('fatbin/manifest.json', PACKAGE);

/** Machine code for the architectures in use; PTX of the newest for what comes later. */
const ARCHITECTURES = [75, 80, 86, 89, 90, 100, 120];
const PTX = 120;
const FLAGS = [
  '--fatbin',
  '-std=c++17',
  '-O3',
  '-Xfatbin',
  '-compress-all',
  '-Xfatbin',
  '--compress-level=9',
  ...ARCHITECTURES.map((version) => `-gencode=arch=compute_${version},code=sm_${version}`),
  `-gencode=arch=compute_${PTX},code=compute_${PTX}`,
];

/** Version of the nvcc on the path; undefined if there is none. */
export function nvccVersion() {
  try {
    return /V([\d.]+)/.exec(execFileSync('nvcc', ['--version'], { encoding: 'utf8' }))[1];
  } catch {
    return undefined;
  }
}

/** Compiles the kernels to `target`, a path. Takes about a minute. */
export function compile(target) {
  const cwd = fileURLToPath(PACKAGE);
  execFileSync('nvcc', [...FLAGS, '--threads', '0', '-o', target, `${SOURCES}kernels.cu`], {
    cwd,
    stdio: 'inherit',
  });
}

/** What the manifest says about an artefact that was compiled from the sources as they are. */
export function describe(artefact, nvcc) {
  const sources = {};
  for (const name of readdirSync(new URL(SOURCES, PACKAGE)).sort()) {
    sources[SOURCES + name] = sha256(readFileSync(new URL(SOURCES + name, PACKAGE)));
  }
  return {
    nvcc,
    flags: FLAGS,
    architectures: ARCHITECTURES,
    ptx: PTX,
    sources,
    artefact: { bytes: artefact.length, sha256: sha256(artefact) },
  };
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
