// Bundles a backend with one of its files replaced.
import { build } from 'esbuild';
import { compileWasm } from '../../packages/backend-cpu/scripts/compile-wasm.mjs';

/**
 * @param target of targets.mjs
 * @returns the path of the bundle. Throws where the mutant does not compile.
 */
export async function buildMutant(target, folder, name, file, source) {
  const isWasm = file.startsWith('wasm/');
  const [replaced, contents] = isWasm
    ? ['src/kernels-binary.ts', (await compileWasm({ [file]: source })).text]
    : [file, source];
  const outfile = `${folder}${name}.mjs`;
  await build({
    stdin: { contents: target.entry, resolveDir: target.folder, loader: 'ts' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['@moe-dispatch/core', 'webgpu'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'mutant',
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) =>
            path === `${target.folder}${replaced}` ? { contents, loader: 'ts' } : undefined,
          );
        },
      },
    ],
  });
  return outfile;
}
