// Compiles wasm/ and embeds the result in src/route-kernel.ts; with --check, says whether they agree.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileWasm } from './compile-wasm.mjs';

const target = fileURLToPath(new URL('../src/route-kernel.ts', import.meta.url));
const { text, bytes } = await compileWasm();
if (process.argv.includes('--check')) {
  const fresh = readFileSync(target, 'utf8') === text;
  console.log(
    fresh ? 'src/route-kernel.ts is up to date' : 'src/route-kernel.ts differs: run scripts/build-wasm.mjs',
  );
  process.exitCode = fresh ? 0 : 1;
} else {
  writeFileSync(target, text);
  console.log(`src/route-kernel.ts: ${bytes} bytes of WebAssembly`);
}
