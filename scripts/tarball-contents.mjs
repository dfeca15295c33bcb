// What the tarball of each public package must hold: that and nothing more, with source maps that lead to a source in it
// and a manifest that a project outside the workspace can install.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

const COMMON = ['LICENSE', 'README.md', 'package.json'];
/** Beside COMMON: folders and files in git that are shipped as they are, and files that the build makes. */
const CONTENTS = {
  core: { sources: ['src'] },
  'backend-cpu': { sources: ['src'] },
  'backend-webgpu': { sources: ['src'] },
  'backend-cuda': { sources: ['bin', 'fatbin', 'src'] },
  'backend-cuda-linux-x64': { sources: [], built: ['moe-dispatch-cuda.node'] },
  models: { sources: ['src'] },
  safetensors: { sources: ['src'] },
  conformance: {
    sources: [
      'bench.schema.json',
      'bin',
      'fixtures',
      'generate',
      'protocol.schema.json',
      'report.schema.json',
      'src',
    ],
  },
};

/**
 * Compares a tarball with what it should hold.
 * @param {string} folder of the package
 * @param {string} tarball path of what `pnpm pack` made of it
 * @returns {string[]} what is wrong, one line for each
 */
export function tarballProblems(folder, tarball) {
  const unpacked = mkdtempSync(`${tarball}-`);
  try {
    execFileSync('tar', ['-xzf', tarball, '-C', unpacked]);
    const root = join(unpacked, 'package');
    const found = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
    const expected = expectedFiles(folder);
    return [
      ...expected.filter((file) => !found.includes(file)).map((file) => `${file} is missing`),
      ...found.filter((file) => !expected.includes(file)).map((file) => `${file} does not belong in it`),
      ...found.filter((file) => file.endsWith('.map')).flatMap((file) => mapProblems(root, file)),
      ...manifestProblems(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))),
    ];
  } finally {
    rmSync(unpacked, { recursive: true });
  }
}

/** @param {string} folder of a package; its name is the key of CONTENTS */
function expectedFiles(folder) {
  const contents = CONTENTS[folder.split(sep).at(-1)];
  if (contents === undefined) throw new Error(`${import.meta.url}: CONTENTS says nothing of ${folder}`);
  const { sources, built = [] } = contents;
  const shipped = sources.flatMap((name) => filesInGit(folder, name));
  const compiled = shipped.filter((file) => file.startsWith('src/')).flatMap(compiledFiles);
  return [...COMMON, ...shipped, ...compiled, ...built];
}

/** Files in git or about to be: neither what is ignored nor what was deleted. */
function filesInGit(cwd, name) {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', name];
  const files = execFileSync('git', args, { cwd, encoding: 'utf8' }).split('\0');
  return files.filter((file) => file !== '' && existsSync(join(cwd, file)));
}

function compiledFiles(source) {
  const base = source.replace(/^src\//, 'dist/').replace(/\.ts$/, '');
  return [`${base}.js`, `${base}.js.map`, `${base}.d.ts`, `${base}.d.ts.map`];
}

function mapProblems(root, map) {
  const { sources } = JSON.parse(readFileSync(join(root, map), 'utf8'));
  return sources
    .filter((source) => !existsSync(join(root, dirname(map), source)))
    .map((source) => `${map} names ${source}, which is not in it`);
}

/** See .pnpmfile.cjs for the peer and the exports. */
function manifestProblems(manifest) {
  const { version, license, keywords, peerDependencies, optionalDependencies, dependencies } = manifest;
  const problems = license === 'Apache-2.0' ? [] : [`license is ${license}`];
  if (!keywords?.length) problems.push('there are no keywords');
  if (JSON.stringify(manifest.exports ?? {}).includes('@moe-dispatch/source')) {
    problems.push('exports lead to sources: packed by another pnpm than packageManager');
  }
  const peer = peerDependencies?.['@moe-dispatch/core'];
  if (peer !== undefined && peer !== `^${version}`) {
    problems.push(
      `peer @moe-dispatch/core is ${peer}, not ^${version}: packed by another pnpm than packageManager`,
    );
  }
  const all = Object.entries({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  const local = all.filter(([, range]) => /^(workspace|link|file):/.test(range));
  return [...problems, ...local.map(([name, range]) => `${name} is ${range}, which only the workspace has`)];
}
