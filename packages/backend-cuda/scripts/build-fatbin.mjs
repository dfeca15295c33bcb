// Compiles the kernels with nvcc (13.0 or later) into fatbin/, to be checked in: run it after a change in native/kernels.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile, describe, FATBIN, MANIFEST, nvccVersion } from './fatbin.mjs';

const nvcc = nvccVersion();
if (nvcc === undefined) throw new Error('there is no nvcc on the path');
mkdirSync(new URL('.', FATBIN), { recursive: true });
compile(fileURLToPath(FATBIN));
const artefact = readFileSync(FATBIN);
writeFileSync(MANIFEST, `${JSON.stringify(describe(artefact, nvcc), null, 2)}\n`);
console.log(`${fileURLToPath(FATBIN)}: ${artefact.length} bytes, nvcc ${nvcc}`);
