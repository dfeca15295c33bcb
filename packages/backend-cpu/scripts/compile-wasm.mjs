// Compiles wasm/, or other texts in the place of some of its files; used by build-wasm.mjs and by the mutation run.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = 'wasm/kernels.ts';
/** A byte is a character's code less BASE, plus STEP for each letter e before it: frequent bytes are one character. */
const BASE = 43;
const STEP = 91;

/**
 * The text of src/kernels-binary.ts, and the bytes of WebAssembly in it. Throws what the compiler says.
 * @param replaced texts to take in the place of files, by their paths
 */
export async function compileWasm(replaced = {}) {
  let binary;
  const options =
    '--runtime stub --enable simd --enable threads --importMemory --noExportMemory --sharedMemory --initialMemory 1 --maximumMemory 65536 ' +
    '--optimizeLevel 3 --shrinkLevel 1 --converge --noAssert';
  const args = [SOURCE, '--baseDir', root, '--outFile', 'kernels.wasm', ...options.split(' ')];
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

/** The kernels: WebAssembly with SIMD, for a shared memory or for one that is not. */
export function kernelsBinary(shared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(CHARACTERS.match(/e*./g)!, (byte) => {
    return byte.charCodeAt(byte.length - 1) + ${STEP} * (byte.length - 1) - ${BASE};
  });
  if (!shared) bytes[${flagsOf(binary)}] = 1;
  return bytes;
}
`;
  return { text, bytes: binary.length };
}

/** Where the module says that the memory it imports is shared: after its name and kind. */
function flagsOf(binary) {
  return Buffer.from(binary).indexOf('memory\x02\x03') + 7;
}

/** The fewest letters before a printable character that no kind of string has to escape. */
function encode(byte) {
  for (let steps = 0; steps < 256; steps++) {
    const code = (byte + BASE + 256 * STEP - STEP * steps) % 256;
    const character = String.fromCharCode(code);
    if (code > 32 && code < 127 && !'e\'"`\\$'.includes(character)) return 'e'.repeat(steps) + character;
  }
}
