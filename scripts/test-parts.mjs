import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * The parts of the test run. Each is a project of vitest.config.ts of the same name; `missing` gives the reason why this
 * machine cannot run it, or nothing if it can. Every test of a part that is `built` needs a build: of the CUDA addon.
 * @type {readonly { name: string, built?: boolean, missing: () => string | undefined }[]}
 */
export const parts = [
  { name: 'core', missing: () => undefined },
  { name: 'cpu', missing: () => undefined },
  { name: 'deno', missing: missingDeno },
  { name: 'python', missing: missingPython },
  { name: 'cpp', missing: missingCompiler },
  { name: 'webgpu-node', missing: missingAdapter },
  { name: 'browser', missing: missingChromium },
  { name: 'chromium', missing: missingChromium },
  { name: 'cuda-host', built: true, missing: missingAddon },
  { name: 'cuda', built: true, missing: missingGpu },
  { name: 'nvcc', missing: missingNvcc },
];

/** The names in MOE_REQUIRE, such as "cpu,deno": these parts may not be missing. */
export function requiredParts(text = '') {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const isKnown = (name) => parts.some((part) => part.name === name);
  return { required: names.filter(isKnown), unknown: names.filter((name) => !isKnown(name)) };
}

/** npm's `deno` brings its binary as an optional package, which other platforms do not have. */
function missingDeno() {
  try {
    const require = createRequire(new URL('../tests/package.json', import.meta.url));
    execFileSync(process.execPath, [require.resolve('deno/bin.cjs'), '--version'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const [reason] = String(error.stderr || error.message)
      .trim()
      .split('\n');
    return `the npm package 'deno' has no binary that runs here: ${reason}`;
  }
}

/** Asked in a process of its own, because a driver can take the process along. */
function missingAdapter() {
  const probe = `import('webgpu').then(async ({ create }) => {
    const gpu = create([]);
    process.exit((await gpu.requestAdapter()) === null ? 1 : 0);
  })`;
  const cwd = fileURLToPath(new URL('../packages/backend-webgpu/', import.meta.url));
  try {
    execFileSync(process.execPath, ['--input-type=module', '-e', probe], { cwd, stdio: 'pipe' });
    return undefined;
  } catch {
    return "Dawn (the npm package 'webgpu') finds no Vulkan adapter; scripts/setup-lavapipe.sh sets up one without a GPU";
  }
}

function missingChromium() {
  const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';
  try {
    execFileSync(chromium, ['--version'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `'${chromium} --version' failed (${error.code ?? error.status}); CHROMIUM names another browser`;
  }
}

function missingPython() {
  const { error, status, stderr } = spawnSync('python3', ['-c', 'import numpy, pytest'], {
    encoding: 'utf8',
  });
  if (error !== undefined) return `there is no python3 (${error.code})`;
  return status === 0 ? undefined : `python3 has no numpy or no pytest: ${stderr.trim().split('\n').pop()}`;
}

function missingCompiler() {
  const { error } = spawnSync('g++', ['--version']);
  return error === undefined ? undefined : `there is no g++ (${error.code})`;
}

/** The build makes the addon where there is a C++ compiler. */
function missingAddon() {
  const addon = new URL('../packages/backend-cuda-linux-x64/moe-dispatch-cuda.node', import.meta.url);
  if (existsSync(addon)) return undefined;
  return 'the CUDA addon is not built, for want of a C++ compiler or of Linux on x64';
}

function missingGpu() {
  const noAddon = missingAddon();
  if (noAddon !== undefined) return noAddon;
  const command = fileURLToPath(
    new URL('../packages/backend-cuda/bin/moe-dispatch-cuda.js', import.meta.url),
  );
  // Its exit code is 1 where there is an obstacle.
  const { stdout } = spawnSync(process.execPath, [command, 'inspect', '--json'], { encoding: 'utf8' });
  const { obstacle } = JSON.parse(stdout);
  return obstacle && `${obstacle.reason}: ${obstacle.message}`;
}

function missingNvcc() {
  try {
    execFileSync('nvcc', ['--version'], { stdio: 'pipe' });
    return undefined;
  } catch {
    return 'there is no nvcc to compile the CUDA kernels anew';
  }
}
