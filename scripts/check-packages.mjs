// What `pnpm check` asks of the packages: their tarballs are sound, core and each backend stay small, what is generated is
// up to date, what is exported has a docstring, and the changesets can be released.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { pack, publicPackages } from './pack.mjs';
import { tarballProblems } from './tarball-contents.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Core and the backend in one minified bundle, in bytes of gzip, without what loads only when it is used: the workers. */
const SIZE_LIMITS = { 'backend-cpu': 22.75 * 1024, 'backend-webgpu': 38.5 * 1024 };

const failures = [];
const folder = mkdtempSync(join(tmpdir(), 'moe-check-'));
try {
  for (const { name, folder: source } of publicPackages()) checkTarball(name, source);
  for (const [backend, limit] of Object.entries(SIZE_LIMITS)) await checkSize(backend, limit);
  check('generated WebAssembly', 'node', 'packages/backend-cpu/scripts/build-wasm.mjs', '--check');
  check('generated C++ header', 'node', 'packages/backend-cuda/scripts/contract.mjs', '--check');
  check(
    'docstrings of all exports, links in them',
    'typedoc',
    '--options',
    'typedoc.config.mjs',
    '--emit',
    'none',
  );
  check('FEATURES.md', 'node', 'scripts/features.mjs', '--check');
  check('docs/models.md', 'node', 'scripts/models.mjs', '--check');
  checkChangesets();
} finally {
  rmSync(folder, { recursive: true });
}
if (failures.length > 0) console.log(`\n${failures.length} checks failed: ${failures.join('; ')}`);
process.exitCode = failures.length > 0 ? 1 : 0;

function checkTarball(name, source) {
  const tarball = pack(source, folder);
  checkContents(name, source, tarball);
  check(`${name}: publint`, 'publint', 'run', tarball, '--strict');
  check(`${name}: types`, 'attw', tarball, '--profile', 'esm-only');
}

function checkContents(name, source, tarball) {
  const addon = join(source, 'moe-dispatch-cuda.node');
  if (name === '@moe-dispatch/backend-cuda-linux-x64' && !existsSync(addon)) {
    console.log(`not checked: ${name}: contents, because the addon is not built here (pnpm build says why)`);
    return;
  }
  const problems = tarballProblems(source, tarball);
  report([`${name}: contents`, ...problems].join('\n  '), problems.length === 0);
}

async function checkSize(backend, limit) {
  const contents = "export * from '@moe-dispatch/core'; export * from './dist/index.js';";
  const options = {
    bundle: true,
    minify: true,
    format: 'esm',
    splitting: true,
    outdir: folder,
    write: false,
  };
  const stdin = { contents, resolveDir: join(ROOT, 'packages', backend) };
  const { outputFiles } = await build({ ...options, stdin, logLevel: 'error' });
  const [bytes, ...later] = outputFiles.map((file) => gzipSync(file.contents, { level: 9 }).length);
  const more = later.length > 0 ? `, ${later.join(' and ')} more when used` : '';
  report(`core + ${backend}: ${bytes} bytes gzip, at most ${limit}${more}`, bytes <= limit);
}

/** Against main where there is one: a shallow clone of one commit has nothing to compare with. */
function checkChangesets() {
  try {
    run('git', 'rev-parse', '--verify', '--quiet', 'main');
  } catch {
    console.log('not checked: changesets, because this clone has no branch main');
    return;
  }
  check('changesets', 'changeset', 'status');
}

function check(what, command, ...args) {
  try {
    run(command, ...args);
    report(what, true);
  } catch (error) {
    console.log(`${error.stdout ?? ''}${error.stderr ?? error.message}`);
    report(what, false);
  }
}

/** pnpm puts the commands of node_modules/.bin on the path. */
function run(command, ...args) {
  execFileSync(command, args, { cwd: ROOT, stdio: 'pipe' });
}

function report(what, ok) {
  console.log(`${ok ? 'ok' : 'FAILED'}: ${what}`);
  if (!ok) failures.push(what);
}
