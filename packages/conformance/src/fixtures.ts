import { ConformanceError } from './conformance-error.js';

/** A set of fixture files. */
export interface FixtureSource {
  /** Names without `.safetensors`. */
  readonly names: readonly string[];
  /** The bytes of one file. */
  load(name: string): Promise<Uint8Array>;
}

/** The fixtures of this package. Listed, because a browser cannot read a folder. */
export const packageFixtures: FixtureSource = {
  names: [
    'doc-example-softmax',
    'doc-example-topk-only',
    'group-e12-k3-f32',
    'group-e48-k6-bf16',
    'group-e6-k2-f16',
    'group-e96-k8-bf16',
    'softmax-e1-k1-f32',
    'softmax-e128-k8-f32',
    'softmax-e16-k4-f32',
    'softmax-e160-k6-f16',
    'softmax-e2-k1-f16',
    'softmax-e256-k8-bf16',
    'softmax-e257-k3-f32',
    'softmax-e3-k2-f32',
    'softmax-e32-k2-f16',
    'softmax-e4-k4-bf16',
    'softmax-e48-k6-f32',
    'softmax-e512-k10-bf16',
    'softmax-e60-k4-f16',
    'softmax-e64-k6-bf16',
    'softmax-e8-k2-bf16',
    'softmax-e8-k2-f16',
    'softmax-e8-k2-f32',
    'softmax-e96-k8-bf16',
    'softmax-masked-e12-k3-f32',
    'softmax-masked-e32-k4-f16',
    'softmax-skew-e16-k2-f32',
    'ties-all-e64-k8-f16',
    'ties-all-e7-k7-f32',
    'ties-e10-k4-bf16',
    'ties-e8-k3-f32',
    'topk-only-negative-e20-k5-f32',
    'topk-only-probs-e48-k6-f32',
    'topk-only-probs-e8-k2-f16',
    'topk-only-sigmoid-e256-k8-bf16',
    'topk-only-ties-e16-k4-f16',
  ],
  load: (name) => loadFile(new URL(`../fixtures/${name}.safetensors`, import.meta.url)),
};

/** @throws ConformanceError if a bundler has lost the file. */
export async function loadFile(url: URL): Promise<Uint8Array> {
  if (url.protocol === 'file:') {
    // The name is in a variable so that bundlers for browsers leave it alone.
    const module = 'node:fs/promises';
    const { readFile } = (await import(/* @vite-ignore */ module)) as typeof import('node:fs/promises');
    return readFile(url);
  }
  // Vite finds the files where this module lies; its dev server first copies dependencies to another folder.
  if (url.pathname.endsWith('/undefined')) {
    throw new ConformanceError(
      `${url}: the bundler lost the fixtures; with Vite's dev server, set optimizeDeps: { exclude: ['@moe-dispatch/conformance'] } in vite.config`,
    );
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
