// Compiles wasm/, or other texts in the place of some of its files; used by build-wasm.mjs and by the mutation run.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = 'wasm/route.ts';
/** A byte is a character's code less BASE, plus STEP for each letter e before it: frequent bytes are one character. */
const BASE = 43;
const STEP = 91;

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

const CHARACTERS =
  '${Array.from(binary, encode).join('')}';

/** The routing kernel: WebAssembly with SIMD. */
export function routeKernel(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(CHARACTERS.match(/e*./g)!, (byte) => {
    return byte.charCodeAt(byte.length - 1) + ${STEP} * (byte.length - 1) - ${BASE};
  });
}
`;
  return { text, bytes: binary.length };
}

/** The fewest letters before a printable character that no kind of string has to escape. */
function encode(byte) {
  for (let steps = 0; steps < 256; steps++) {
    const code = (byte + BASE + 256 * STEP - STEP * steps) % 256;
    const character = String.fromCharCode(code);
    if (code > 32 && code < 127 && !'e\'"`\\$'.includes(character)) return 'e'.repeat(steps) + character;
  }
}
