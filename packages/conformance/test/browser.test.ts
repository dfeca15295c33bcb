import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

it('index.ts bundles for a browser, without Node modules', async () => {
  const { metafile, warnings } = await build({
    entryPoints: [fileURLToPath(new URL('../src/index.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['@moe-dispatch/source'],
    metafile: true,
  });
  const imports = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  expect(imports.length).toBeGreaterThan(20);
  expect(imports.filter((path) => path.startsWith('node:'))).toEqual([]);
  expect(warnings).toEqual([]);
});
