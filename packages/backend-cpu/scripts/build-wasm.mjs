// Compiles wasm/route.ts and embeds the result in src/route-kernel.ts; with --check, says whether they agree.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = fileURLToPath(new URL('../src/route-kernel.ts', import.meta.url));

let binary;
const { error, stderr } = await asc.main(
  [
    'wasm/route.ts',
    '--baseDir',
    root,
    '--outFile',
    'route.wasm',
    '--runtime',
    'stub',
    '--enable',
    'simd',
    '--optimizeLevel',
    '3',
    '--shrinkLevel',
    '0',
    '--converge',
    '--noAssert',
    '--initialMemory',
    '1',
  ],
  {
    writeFile: (name, contents) => {
      if (name.endsWith('.wasm')) binary = contents;
    },
  },
);
if (error) throw new Error(`${error.message}\n${stderr.toString()}`);

const text = `/* Made from wasm/route.ts by scripts/build-wasm.mjs. Do not edit. */

/** The routing kernel: WebAssembly with SIMD, base64. */
export const ROUTE_KERNEL =
  '${Buffer.from(binary).toString('base64')}';
`;
if (process.argv.includes('--check')) {
  const fresh = readFileSync(target, 'utf8') === text;
  console.log(
    fresh ? 'src/route-kernel.ts is up to date' : 'src/route-kernel.ts differs: run scripts/build-wasm.mjs',
  );
  process.exitCode = fresh ? 0 : 1;
} else {
  writeFileSync(target, text);
  console.log(`src/route-kernel.ts: ${binary.length} bytes of WebAssembly`);
}
