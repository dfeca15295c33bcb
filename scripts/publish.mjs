// Packs every public package, checks all tarballs, then publishes those that the registry does not have yet. Arguments
// go on to `npm publish`, but for --without-repository: a rehearsal needs no repository to name.
// Which registry, and as whom, is npm's configuration.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack, publicPackages } from './pack.mjs';
import { releaseProblems } from './release-problems.mjs';
import { tarballProblems } from './tarball-contents.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REHEARSAL = '--without-repository';
const folder = mkdtempSync(join(tmpdir(), 'moe-publish-'));
try {
  process.exitCode = main(process.argv.slice(2));
} finally {
  rmSync(folder, { recursive: true });
}

function main(args) {
  const publishArgs = args.filter((arg) => arg !== REHEARSAL);
  const packages = inOrder(publicPackages().map(readPackage));
  const versions = packages.map(({ manifest }) => manifest.version);
  const root = readManifest(ROOT);
  const obstacles = releaseProblems(root, versions, args.includes(REHEARSAL));
  if (obstacles.length > 0) return refuse(obstacles);
  const tarballs = new Map(packages.map(({ name, source }) => [name, pack(source, folder)]));
  const problems = packages.flatMap(({ name, source }) =>
    tarballProblems(source, tarballs.get(name)).map((problem) => `${name}: ${problem}`),
  );
  if (problems.length > 0) return refuse(problems);
  for (const { name, manifest } of packages) publish(name, manifest.version, tarballs.get(name), publishArgs);
  return 0;
}

function refuse(reasons) {
  console.error(['not published:', ...reasons].join('\n  '));
  return 1;
}

function publish(name, version, tarball, args) {
  if (isPublished(name, version)) {
    console.log(`already there: ${name}@${version}`);
    return;
  }
  npm('publish', tarball, '--access', 'public', ...args);
  console.log(`published: ${name}@${version}`);
}

function readPackage({ name, folder: source }) {
  return { name, source, manifest: readManifest(source) };
}

function readManifest(source) {
  return JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
}

/** What others need comes first, so that nobody can install a package whose needs are not there yet. */
function inOrder(packages) {
  const needs = ({ manifest: { dependencies, peerDependencies, optionalDependencies } }) =>
    Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }).filter((name) =>
      name.startsWith('@moe-dispatch/'),
    );
  return packages.toSorted((a, b) => needs(a).length - needs(b).length);
}

function isPublished(name, version) {
  try {
    return npm('view', `${name}@${version}`, 'version').trim() === version;
  } catch (error) {
    if (/E404/.test(error.stderr)) return false;
    throw error;
  }
}

function npm(...args) {
  return execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
