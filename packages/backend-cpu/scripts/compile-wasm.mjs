// Compiles wasm/, or other texts in the place of some of its files; used by build-wasm.mjs and by the mutation run.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = 'wasm/route.ts';

/**
 * The text of src/route-kernel.ts, and the bytes of WebAssembly in it. Throws what the compiler says.
 * @param replaced texts to take in the place of files, by their paths
 */
export async function compileWasm(replaced = {}) {
  let binary;
  const options =
    '--runtime stub --enable simd --optimizeLevel 3 --shrinkLevel 0 --converge --noAssert --initialMemory 1';
  const args = [SOURCE, '--baseDir', root, '--outFile', 'route.wasm', ...options.split(' ')];
  const { error, stderr } = await asc.main(args, {
    readFile: (name) =>
      replaced[name] ?? (existsSync(`${root}${name}`) ? readFileSync(`${root}${name}`, 'utf8') : null),
    writeFile: (name, contents) => {
      if (name.endsWith('.wasm')) binary = contents;
    },
  });
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  const text = `/* Made from wasm/ by scripts/build-wasm.mjs. Do not edit. */

/** The routing kernel: WebAssembly with SIMD, in hexadecimal: gzip finds repeated bytes there, and hardly in base64. */
export const ROUTE_KERNEL =
  '${Buffer.from(binary).toString('hex')}';
`;
  return { text, bytes: binary.length };
}
