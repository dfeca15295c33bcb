// Packs every public package, checks all tarballs, then publishes those that the registry does not have yet. Arguments
// go on to `npm publish`. Which registry, and as whom, is npm's configuration.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, publicPackages } from './pack.mjs';
import { tarballProblems } from './tarball-contents.mjs';

const folder = mkdtempSync(join(tmpdir(), 'moe-publish-'));
try {
  process.exitCode = main(process.argv.slice(2));
} finally {
  rmSync(folder, { recursive: true });
}

function main(publishArgs) {
  const packages = inOrder(publicPackages().map(readPackage));
  const versions = new Set(packages.map(({ version }) => version));
  if (versions.size > 1 || versions.has('0.0.0')) {
    console.error(
      `not published: the versions are ${[...versions].join(', ')}; pnpm release:version sets one for all`,
    );
    return 1;
  }
  const problems = packages.flatMap(({ folder, tarball, name }) =>
    tarballProblems(folder, tarball).map((problem) => `${name}: ${problem}`),
  );
  if (problems.length > 0) {
    console.error(['not published:', ...problems].join('\n  '));
    return 1;
  }
  for (const { name, version, tarball } of packages) {
    if (isPublished(name, version)) {
      console.log(`already there: ${name}@${version}`);
      continue;
    }
    npm('publish', tarball, '--access', 'public', ...publishArgs);
    console.log(`published: ${name}@${version}`);
  }
  return 0;
}

function readPackage({ name, folder: source }) {
  const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
  return { name, folder: source, manifest, version: manifest.version, tarball: pack(source, folder) };
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
