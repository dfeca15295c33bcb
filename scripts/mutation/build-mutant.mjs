// Bundles the CPU backend with one of its files replaced.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { compileWasm } from '../../packages/backend-cpu/scripts/compile-wasm.mjs';

const BACKEND = fileURLToPath(new URL('../../packages/backend-cpu/', import.meta.url));

/** @returns the path of the bundle. Throws where the mutant does not compile. */
export async function buildMutant(folder, name, file, source) {
  const isWasm = file.startsWith('wasm/');
  const [replaced, contents] = isWasm
    ? ['src/kernels-binary.ts', (await compileWasm({ [file]: source })).text]
    : [file, source];
  const outfile = `${folder}${name}.mjs`;
  await build({
    entryPoints: [`${BACKEND}src/index.ts`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['@moe-dispatch/core'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'mutant',
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) =>
            path === `${BACKEND}${replaced}` ? { contents, loader: 'ts' } : undefined,
          );
        },
      },
    ],
  });
  return outfile;
}
