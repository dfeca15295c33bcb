import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PackedProject, PROGRAM, PROGRAM_OUTPUT } from './packed-project.js';

let project: PackedProject;
beforeAll(() => {
  project = new PackedProject();
});
afterAll(() => project.remove());

it('a production build of Vite for browsers runs', async () => {
  project.write('main.js', PROGRAM);
  project.write('index.html', '<!doctype html><script type="module" src="/main.js"></script>');
  // Vite's own preload polyfill, which needs a document, is all that would keep the bundle from running in Node.
  const options = { modulePreload: { polyfill: false } };
  await build({ root: project.folder, logLevel: 'error', configFile: false, build: options });
  const assets = join('dist', 'assets');
  const bundles = readdirSync(join(project.folder, assets)).filter((name) => name.endsWith('.js'));
  const [main, ...others] = bundles.sort();
  // The CPU backend's workers, which are loaded where there can be more than one thread.
  expect(others).toEqual([expect.stringMatching(/^threads-/)]);
  expect(project.node(join(assets, main))).toBe(PROGRAM_OUTPUT);
});

it('a bundle keeps no part of core that a program does not use', async () => {
  const entry = project.write('conversion.js', "export { float32ToFloat16 } from '@moe-dispatch/core';");
  const lib = { entry, formats: ['es' as const], fileName: 'conversion' };
  const result = await build({
    root: project.folder,
    logLevel: 'error',
    configFile: false,
    build: { lib, write: false },
  });
  const [{ output }] = result as { output: { type: string; code: string }[] }[];
  expect(output).toHaveLength(1);
  expect(output[0].code).toContain('float32ToFloat16');
  expect(output[0].code).not.toContain('permuteIndicesPerToken');
});
