// `pnpm gpu:bundle`: everything that the CUDA tests and benchmark need on a Linux x64 host with a GPU and no network, in one
// archive: Node, the built packages, the tests and vitest. On that host: tar xJf moe-gpu.tar.xz && moe-gpu/run-all.sh OUT
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIMIT = 60e6;
const PACKAGES = [
  'core',
  'backend-cpu',
  'backend-cuda',
  'backend-cuda-linux-x64',
  'models',
  'safetensors',
  'conformance',
];
const FILES = [
  'package.json',
  'tsconfig.base.json',
  'tsconfig.sources.json',
  'scripts',
  'benchmarks/package.json',
  'benchmarks/dist',
];
/** The programs of the documents that need a GPU, and the links by which they find the packages. */
const DOCUMENTS = ['README.md', 'docs', 'tests/package.json', 'tests/tsconfig.json', 'tests/docs'];
const LINKS_OF_TESTS = 'tests/node_modules/@moe-dispatch';
/** What vitest would load only where it is asked to. */
const LEFT_OUT =
  /^(typescript|jsdom|happy-dom|@vitest\/(ui|browser.*)|@types\/.*|esbuild|@esbuild\/.*|sass|less|terser)$/;

const target = join(ROOT, 'dist', 'moe-gpu.tar.xz');
const folder = mkdtempSync(join(tmpdir(), 'moe-bundle-'));
try {
  const bundle = join(folder, 'moe-gpu');
  const copy = (path) =>
    cpSync(join(ROOT, path), join(bundle, path), { recursive: true, verbatimSymlinks: true });
  for (const file of [...FILES, ...DOCUMENTS]) copy(file);
  cpSync(join(ROOT, 'vitest.cuda.config.ts'), join(bundle, 'vitest.config.ts'));
  for (const name of PACKAGES) copyPackage(name, copy);
  for (const path of dependencies()) copy(path);
  for (const path of links()) copy(path);
  cpSync(realpathSync(process.execPath), join(bundle, 'node'));
  execFileSync('strip', ['--strip-unneeded', join(bundle, 'node')], { stdio: 'ignore' });
  cpSync(join(ROOT, 'scripts', 'gpu-run-all.sh'), join(bundle, 'run-all.sh'));
  const commit = execFileSync('git', ['describe', '--always', '--dirty'], { cwd: ROOT });
  writeFileSync(join(bundle, 'commit'), commit);
  mkdirSync(dirname(target), { recursive: true });
  execFileSync('tar', ['-cJf', target, '-C', folder, 'moe-gpu'], {
    env: { ...process.env, XZ_OPT: '-6 -T0' },
  });
} finally {
  rmSync(folder, { recursive: true });
}
const { size } = statSync(target);
console.log(`${target}: ${(size / 1e6).toFixed(1)} MB`);
if (size > LIMIT) throw new Error(`the bundle is larger than ${LIMIT / 1e6} MB`);

function copyPackage(name, copy) {
  const left = new Set(['node_modules', 'wasm', 'address', '.turbo']);
  for (const entry of readdirSync(join(ROOT, 'packages', name))) {
    if (!left.has(entry)) copy(join('packages', name, entry));
  }
}

/** The folders in node_modules/.pnpm that vitest and the conformance suite need, dependencies of theirs included. */
function dependencies() {
  const found = new Set();
  const visit = (from, name) => {
    if (LEFT_OUT.test(name)) return;
    const link = join(from, 'node_modules', name);
    if (!existsSync(link)) return;
    const real = realpathSync(link);
    const store = relative(ROOT, real).split('/node_modules/')[0];
    if (!store.includes('.pnpm') || found.has(real)) return;
    found.add(real);
    const {
      dependencies = {},
      optionalDependencies = {},
      peerDependencies = {},
    } = JSON.parse(readFileSync(join(real, 'package.json'), 'utf8'));
    const parent = real.slice(0, real.length - name.length - '/node_modules/'.length);
    for (const each of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }))
      visit(parent, each);
  };
  visit(ROOT, 'vitest');
  const conformance = join(ROOT, 'packages', 'conformance');
  const { dependencies: needed } = JSON.parse(readFileSync(join(conformance, 'package.json'), 'utf8'));
  for (const name of Object.keys(needed)) visit(conformance, name);
  return [...new Set([...found].map((path) => relative(ROOT, path).split('/').slice(0, 4).join('/')))];
}

/** The links of node_modules to those and to the packages themselves. */
function links() {
  const ofPackages = PACKAGES.map((name) => join('packages', name, 'node_modules')).filter((path) =>
    existsSync(join(ROOT, path)),
  );
  return ['node_modules/vitest', LINKS_OF_TESTS, ...ofPackages];
}
