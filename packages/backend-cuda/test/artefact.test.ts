import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readFatBinary, readManifest } from '../src/fat-binary.js';

const PACKAGE = new URL('../', import.meta.url);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

it('the fat binary is the one that the manifest describes', () => {
  const { artefact } = readManifest();
  const bytes = readFatBinary();
  expect({ bytes: bytes.length, sha256: sha256(bytes) }).toEqual(artefact);
});

it('the fat binary was made from the kernels as they are', () => {
  const names = readdirSync(new URL('native/kernels/', PACKAGE)).map((name) => `native/kernels/${name}`);
  const found = Object.fromEntries(names.map((name) => [name, sha256(readFileSync(new URL(name, PACKAGE)))]));
  expect(found, 'run scripts/build-fatbin.mjs with nvcc').toEqual(readManifest().sources);
});

it('the fat binary has code for every architecture that the package promises', () => {
  const { architectures, ptx } = readManifest();
  expect({ architectures, ptx }).toEqual({ architectures: [75, 80, 86, 89, 90, 100, 120], ptx: 120 });
});
