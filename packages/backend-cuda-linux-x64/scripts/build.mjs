// Builds the addon if there is a C++ compiler, without a CUDA toolkit. Elsewhere it says so, and the rest of the
// workspace builds. MOE_SANITIZE=address builds it for the sanitizer, beside the other.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FLAGS } from './flags.mjs';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const NATIVE = fileURLToPath(new URL('../../backend-cuda/native', import.meta.url));
const COMPILER = process.env.CXX || 'c++';
const sanitizer = process.env.MOE_SANITIZE;
const output = sanitizer ? join('build', sanitizer) : '';
/** What is built of which folders: the addon, and a caller with CUDA of its own for the tests and benchmarks. */
const targets = [
  { target: join(PACKAGE, output, 'moe-dispatch-cuda.node'), folders: ['addon', 'driver', 'launch'] },
  { target: join(PACKAGE, 'build', sanitizer ?? 'plain', 'harness.node'), folders: ['harness'] },
];

const obstacle = whyNot();
if (obstacle !== undefined) console.log(`not built: the CUDA addon, because ${obstacle}`);
else {
  for (const { target, folders } of targets) {
    if (isOutdated(target)) await build(target, folders);
  }
}

function whyNot() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `this is ${process.platform} on ${process.arch}, not Linux on x64`;
  }
  try {
    execFileSync(COMPILER, ['--version'], { stdio: 'pipe' });
    return undefined;
  } catch {
    return `there is no C++ compiler ('${COMPILER}')`;
  }
}

function sources(...folders) {
  return folders.flatMap((folder) =>
    readdirSync(join(NATIVE, folder)).map((name) => join(NATIVE, folder, name)),
  );
}

function isOutdated(target) {
  const built = statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const inputs = [
    ...sources('addon', 'contract', 'driver', 'harness', 'kernels', 'launch'),
    fileURLToPath(import.meta.url),
    fileURLToPath(new URL('flags.mjs', import.meta.url)),
  ];
  return inputs.some((path) => statSync(path).mtimeMs > built);
}

async function build(target, folders) {
  const require = createRequire(import.meta.url);
  const headers = [require('node-api-headers').include_dir, require('node-addon-api').include_dir];
  const flags = [...FLAGS];
  const defines = [
    '-DNAPI_VERSION=8',
    '-DNAPI_CPP_EXCEPTIONS',
    '-DNODE_ADDON_API_DISABLE_DEPRECATED',
    // A Worker that is being terminated takes no exceptions any more.
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  ];
  if (sanitizer) flags.push(`-fsanitize=${sanitizer}`, '-g');
  const objects = join(PACKAGE, 'build', sanitizer || 'plain');
  mkdirSync(objects, { recursive: true });
  const files = sources(...folders).filter((path) => path.endsWith('.cc'));
  const compile = async (file) => {
    const object = join(objects, `${file.slice(NATIVE.length + 1).replaceAll('/', '-')}.o`);
    const includes = headers.map((path) => `-isystem${path}`);
    await promisify(execFile)(COMPILER, [...flags, ...defines, ...includes, '-c', file, '-o', object]);
    return object;
  };
  const queue = [...files];
  const compiled = [];
  const work = async () => {
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) compiled.push(await compile(file));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const link = sanitizer ? [`-fsanitize=${sanitizer}`] : ['-static-libstdc++', '-static-libgcc', '-s'];
  execFileSync(COMPILER, ['-shared', '-pthread', ...link, ...compiled, '-ldl', '-o', target], {
    stdio: 'inherit',
  });
  console.log(`built ${target}`);
}
