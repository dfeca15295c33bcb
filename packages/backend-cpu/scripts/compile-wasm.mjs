// Compiles wasm/route.ts, or another text in its place; used by build-wasm.mjs and by the mutation run.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = 'wasm/route.ts';

/** The text of src/route-kernel.ts, and the bytes of WebAssembly in it. Throws what the compiler says. */
export async function compileWasm(source = readFileSync(`${root}${SOURCE}`, 'utf8')) {
  let binary;
  const options =
    '--runtime stub --enable simd --optimizeLevel 3 --shrinkLevel 0 --converge --noAssert --initialMemory 1';
  const args = [SOURCE, '--baseDir', root, '--outFile', 'route.wasm', ...options.split(' ')];
  const { error, stderr } = await asc.main(args, {
    readFile: (name) => (name === SOURCE ? source : null),
    writeFile: (name, contents) => {
      if (name.endsWith('.wasm')) binary = contents;
    },
  });
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  const text = `/* Made from wasm/route.ts by scripts/build-wasm.mjs. Do not edit. */

/** The routing kernel: WebAssembly with SIMD, in hexadecimal: gzip finds repeated bytes there, and hardly in base64. */
export const ROUTE_KERNEL =
  '${Buffer.from(binary).toString('hex')}';
`;
  return { text, bytes: binary.length };
}
