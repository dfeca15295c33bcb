import { readdirSync } from 'node:fs';
import { cpu } from '@moe-dispatch/backend-cpu';
import { type Backend, type BackendFactory, moeDispatch, moeReduce } from '@moe-dispatch/core';
import { expect, it, vi } from 'vitest';
import * as sources from './all-modules.js';
import { inputs } from './check-dispatch.js';
import { gpu, newDevice } from './require-gpu.js';

/* The WGSL in dist, which scripts/strip-wgsl.mjs has made small. */

const device = await newDevice();
// all-modules once more, with the kernels from dist, and what is put around them.
vi.doMock('../src/kernel.js', () => import('../dist/kernel.js' as string));
for (const file of readdirSync(new URL('../src/kernels', import.meta.url))) {
  const name = file.replace('.ts', '');
  vi.doMock(`../src/kernels/${name}.js`, () => import(`../dist/kernels/${name}.js`));
}
vi.resetModules();
const built: typeof sources = await import('./all-modules.js');

/**
 * The text's words and operators. For a name there is a number, whatever the name is: of the declaration for what the module
 * declares, of the place where it first stands in its function for others. A member, with its point, is another word. Types of
 * literals are left to Dawn, which compiles every module.
 */
function structure(wgsl: string): (string | number)[] {
  const text = wgsl
    .replace(/\/\/.*/g, '')
    .replace(/\b(vec\d)<([uf])32>/g, '$1$2')
    .replace(/\b(0x[0-9a-f]+|\d+)u\b/g, '$1');
  const tokensOf = (part: string): string[] => part.match(/\.?\w+|\S/g) ?? [];
  const declared = text.matchAll(/\b(?:fn |struct |alias |const |var<\w+>\s*)(\w+)/g);
  const shared = [...new Set([...declared].map(([, name]) => name))];
  return text.split(/(?=\b(?:fn|struct)\b)/).flatMap((part) => {
    const tokens = tokensOf(part);
    const own = new Set([...part.matchAll(/(\w+)\s*:|\b(?:let|var) (\w+)/g)].map(([, a, b]) => a ?? b));
    return tokens.map((token) => {
      if (!/^\.?[A-Za-z_]/.test(token)) return token;
      return shared.includes(token) && !own.has(token)
        ? `module ${shared.indexOf(token)}`
        : tokens.indexOf(token);
    });
  });
}

it('differs from the sources in names and in how it writes types only, and is smaller', () => {
  const kernels = sources.allKernels(256);
  built.allKernels(256).forEach((small, i) => {
    const { id, body } = kernels[i];
    expect(small.id).toBe(id);
    expect(structure(small.body()), id).toEqual(structure(body()));
    expect(small.body().length, id).toBeLessThan(body().length);
  });
});

it.each(Object.entries({ sources, built }))('Dawn compiles every module: %s', async (_, { allModules }) => {
  for (const { id, code, subgroups } of allModules(256)) {
    if (subgroups && !device.features.has('subgroups')) continue;
    const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
    expect(messages.find(({ type }) => type === 'error')?.message, id).toBeUndefined();
  }
});

it("the built backend gives the CPU backend's bytes", async () => {
  const { webgpu } = await vi.importActual<typeof import('../src/index.js')>('../dist/index.js');
  expect(await dispatchAndReduce(webgpu({ device, gpu }))).toEqual(await dispatchAndReduce(cpu()));
});

/** All rows and sums. With topkOnlyMode the scales are gating values, which no backend rounds. */
async function dispatchAndReduce(factory: BackendFactory<Backend>): Promise<unknown[]> {
  const backend = await factory.create();
  const { x, gating, xShape, gatingShape } = inputs({ tokens: 37, hidden: 12, experts: 8, topK: 3 });
  const rows = backend.tensor(x, xShape, 'float32');
  const gatingOutput = backend.tensor(gating, gatingShape, 'float32');
  const out = moeDispatch(rows, gatingOutput, { moeTopk: 3, topkOnlyMode: true });
  const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
  const output = moeReduce(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices);
  return Promise.all([permuteInput.read(), output.read()]);
}
