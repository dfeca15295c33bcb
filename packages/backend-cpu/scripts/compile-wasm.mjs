// Compiles wasm/, or other texts in the place of some of its files; used by build-wasm.mjs and by the mutation run.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = 'wasm/route.ts';
/** For 0 to 15: the letters that minified JavaScript has most, for which gzip has the shortest codes. */
const DIGITS = 'etrnosiacludphfm';

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
  const digits = Buffer.from(binary)
    .toString('hex')
    .replace(/./g, (digit) => DIGITS[Number.parseInt(digit, 16)]);
  const text = `/* Made from wasm/ by scripts/build-wasm.mjs. Do not edit. */

/** The digits of ROUTE_KERNEL, for 0 to 15: letters for which gzip has short codes in JavaScript. */
export const DIGITS = '${DIGITS}';

/** The routing kernel: WebAssembly with SIMD, in hexadecimal: gzip finds repeated bytes there, and hardly in base64. */
export const ROUTE_KERNEL =
  '${digits}';
`;
  return { text, bytes: binary.length };
}
