// Bundles a backend with some of its files replaced.
import { build } from 'esbuild';
import { compileWasm } from '../../packages/backend-cpu/scripts/compile-wasm.mjs';

/**
 * @param target of targets.mjs
 * @param sources the replaced files' texts, by file
 * @returns the path of the bundle. Throws where the mutant does not compile.
 */
export async function buildMutant(target, folder, name, sources) {
  const texts = new Map();
  const wasm = {};
  for (const [file, source] of Object.entries(sources)) {
    if (file.startsWith('wasm/')) wasm[file] = source;
    else texts.set(`${target.folder}${file}`, source);
  }
  if (Object.keys(wasm).length > 0)
    texts.set(`${target.folder}src/kernels-binary.ts`, (await compileWasm(wasm)).text);
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
            texts.has(path) ? { contents: texts.get(path), loader: 'ts' } : undefined,
          );
        },
      },
    ],
  });
  return outfile;
}
