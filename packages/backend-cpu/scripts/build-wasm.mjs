// Compiles wasm/ and embeds the result in src/kernels-binary.ts; with --check, says whether they agree.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileWasm } from './compile-wasm.mjs';

const target = fileURLToPath(new URL('../src/kernels-binary.ts', import.meta.url));
const { text, bytes } = await compileWasm();
if (process.argv.includes('--check')) {
  const fresh = readFileSync(target, 'utf8') === text;
  console.log(
    fresh
      ? 'src/kernels-binary.ts is up to date'
      : 'src/kernels-binary.ts differs: run scripts/build-wasm.mjs',
  );
  process.exitCode = fresh ? 0 : 1;
} else {
  writeFileSync(target, text);
  console.log(`src/kernels-binary.ts: ${bytes} bytes of WebAssembly`);
}
