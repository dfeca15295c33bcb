import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../packages', import.meta.url));

/**
 * The public packages, as a user of npm will see them.
 * @returns {{ name: string, folder: string }[]}
 */
export function publicPackages() {
  return readdirSync(PACKAGES)
    .map((entry) => join(PACKAGES, entry))
    .map((folder) => ({ folder, ...JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }))
    .filter(({ private: isPrivate }) => !isPrivate)
    .map(({ name, folder }) => ({ name, folder }));
}

/** Packs a built package into `destination`; returns the tarball's path. */
export function pack(folder, destination) {
  const args = ['pack', '--json', '--pack-destination', destination];
  const output = execFileSync('pnpm', args, { cwd: folder, encoding: 'utf8' });
  return JSON.parse(output).filename;
}
