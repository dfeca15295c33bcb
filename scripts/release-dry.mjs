// Everything that a release does but publishing to npm: a fresh clone of the last commit, versions and changelogs, build,
// checks, publishing to a registry on this machine, and a project that installs from there and dispatches.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRegistry } from './local-registry.mjs';
import { publicPackages } from './pack.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PNPM = ['--yes', JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).packageManager];
/** The native part comes along with @moe-dispatch/backend-cuda. */
const INSTALLED = publicPackages()
  .map(({ name }) => name)
  .filter((name) => name !== '@moe-dispatch/backend-cuda-linux-x64');

const folder = mkdtempSync(join(tmpdir(), 'moe-release-'));
const clone = join(folder, 'clone');
const project = join(folder, 'project');
let registry;
try {
  await main();
  console.log('\nrelease:dry: all of it worked. Nothing left this machine.');
} catch (error) {
  console.error(`\nrelease:dry FAILED: ${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`);
  process.exitCode = 1;
} finally {
  registry?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function main() {
  const changes = run(ROOT, 'git', 'status', '--porcelain').trim();
  if (changes !== '') console.log(`not in it, because not committed:\n${changes}`);
  step('clones the last commit', () => run(ROOT, 'git', 'clone', '--quiet', '--no-hardlinks', ROOT, clone));
  step('installs what the lockfile says', () => pnpm('install', '--frozen-lockfile', '--prefer-offline'));
  const version = step('sets versions, writes changelogs', () => {
    pnpm('release:version');
    return versionIn(clone);
  });
  console.log(changelogs());
  step('builds', () => pnpm('build'));
  await stepAsync('starts a registry', async () => {
    registry = await startRegistry(join(folder, 'registry'));
    return registry.url;
  });
  step('packs, checks the tarballs, publishes', publish);
  step('publishes again, which must change nothing', () => {
    const output = publish();
    if (/^published/m.test(output)) throw new Error(`published twice:\n${output}`);
  });
  step(`installs ${version} in a new project, without a warning`, () => install(version));
  step('dispatches', dispatch);
  step('runs the golden cases with moe-conformance', () =>
    lastLine(
      run(
        project,
        'npx',
        'moe-conformance',
        'run',
        '--backend',
        '@moe-dispatch/backend-cpu',
        '--filter',
        'golden/',
      ),
    ),
  );
  step('loads the CUDA addon', inspectCuda);
  const { repository } = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8'));
  if (repository === '') {
    console.log('still to do: "repository" in package.json, without which pnpm release:publish refuses');
  }
  console.log(
    'not done: provenance, which npm signs with the identity of a workflow on GitHub; pushing the tag',
  );
}

function publish() {
  return run(clone, 'node', 'scripts/publish.mjs', '--without-repository');
}

function versionIn(repository) {
  const versions = publicPackages().map(({ folder: source }) => {
    const path = join(repository, source.slice(ROOT.length), 'package.json');
    return JSON.parse(readFileSync(path, 'utf8')).version;
  });
  if (new Set(versions).size > 1) throw new Error(`several versions: ${versions.join(', ')}`);
  return versions[0];
}

function changelogs() {
  const core = readFileSync(join(clone, 'packages/core/CHANGELOG.md'), 'utf8');
  const [latest] = core.split(/^(?=## )/m).slice(1);
  return `  packages/core/CHANGELOG.md:\n${latest.trim().replace(/^/gm, '  | ')}`;
}

function install(version) {
  mkdirSync(project);
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'fresh', private: true, type: 'module' }),
  );
  const command = `npm install --no-audit --no-fund ${INSTALLED.join(' ')} 2>&1`;
  const output = run(project, 'sh', '-c', command);
  // A key of the user's own configuration that npm does not know is not about these packages.
  const warnings = output
    .split('\n')
    .filter((line) => /^npm warn/.test(line) && !/Unknown \w+ config/.test(line));
  if (warnings.length > 0) throw new Error(warnings.join('\n'));
  for (const name of INSTALLED) {
    const installed = JSON.parse(
      readFileSync(join(project, 'node_modules', name, 'package.json'), 'utf8'),
    ).version;
    if (installed !== version) throw new Error(`${name} is ${installed}, not ${version}`);
  }
}

/** The first program of the README, as it stands there. */
function dispatch() {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, program] = readme.match(/^```ts runnable\n(.*?)^```$/ms);
  writeFileSync(join(project, 'first.mjs'), program);
  const expected = Array.from(program.matchAll(/\/\/ prints (.*)$/gm), ([, line]) => line).join('\n');
  const output = run(project, 'node', 'first.mjs').trim();
  if (output !== expected) throw new Error(`the README's program prints\n${output}\ninstead of\n${expected}`);
  return "the README's program prints what it says";
}

/** Without a GPU it names the driver or the device as what is missing, never the package. */
function inspectCuda() {
  // Its exit code is 1 where there is an obstacle.
  const { obstacle } = JSON.parse(run(project, 'sh', '-c', 'npx moe-dispatch-cuda inspect --json || true'));
  if (process.platform !== 'linux' || process.arch !== 'x64') return obstacle.reason;
  if (obstacle?.reason === 'no-platform-package') throw new Error(obstacle.message);
  return obstacle === undefined ? 'there is a GPU' : obstacle.reason;
}

function step(what, work) {
  const started = performance.now();
  const result = work();
  report(what, result, started);
  return result;
}

async function stepAsync(what, work) {
  const started = performance.now();
  report(what, await work(), started);
}

function report(what, result, started) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const note =
    typeof result === 'string' && result.trim() !== '' ? `\n${result.trim().replace(/^/gm, '    ')}` : '';
  console.log(`ok: ${what} (${seconds} s)${note}`);
}

function lastLine(text) {
  return text.trim().split('\n').at(-1);
}

function pnpm(...args) {
  run(clone, 'npx', ...PNPM, ...args);
}

/** From the registry's start on, npm talks to that one. */
function run(cwd, command, ...args) {
  const env = registry?.env ?? process.env;
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
