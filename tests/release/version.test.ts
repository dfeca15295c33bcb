import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error: a script without types
import { publicPackages } from '../../scripts/pack.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGES: string[] = publicPackages().map(({ folder }: { folder: string }) =>
  folder.slice(ROOT.length),
);

let copy: string;
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'moe-version-'));
});
afterAll(() => rmSync(copy, { recursive: true }));

const read = (path: string) => readFileSync(join(copy, path), 'utf8');
const versions = () => new Set(PACKAGES.map((path) => JSON.parse(read(`${path}/package.json`)).version));

/** The manifests of the workspace, of all that changesets reads, at one version and with one changeset. */
function makeCopy(version: string, changeset: string): void {
  rmSync(copy, { recursive: true });
  const manifests = execFileSync(
    'git',
    ['ls-files', '*package.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml'],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  );
  for (const path of manifests.trim().split('\n')) {
    mkdirSync(join(copy, dirname(path)), { recursive: true });
    cpSync(join(ROOT, path), join(copy, path));
  }
  for (const path of PACKAGES) {
    const manifest = JSON.parse(read(`${path}/package.json`));
    writeFileSync(join(copy, path, 'package.json'), JSON.stringify({ ...manifest, version }));
  }
  mkdirSync(join(copy, '.changeset'));
  cpSync(join(ROOT, '.changeset/config.json'), join(copy, '.changeset/config.json'));
  writeFileSync(join(copy, '.changeset/one.md'), changeset);
}

function changesetVersion(): void {
  const command = join(ROOT, 'node_modules/@changesets/cli/bin.js');
  execFileSync(process.execPath, [command, 'version'], { cwd: copy, stdio: 'pipe' });
}

describe('changeset version', () => {
  it.each([
    ['0.0.0', 'minor', '0.1.0'],
    ['0.1.0', 'minor', '0.2.0'],
    ['0.1.0', 'patch', '0.1.1'],
    ['0.9.3', 'major', '1.0.0'],
  ])('takes every package from %s by a %s change of core to %s', (before, bump, after) => {
    makeCopy(before, `---\n'@moe-dispatch/core': ${bump}\n---\n\nRows move faster.\n`);
    changesetVersion();
    expect(versions()).toEqual(new Set([after]));
    expect(read('packages/core/CHANGELOG.md')).toContain(`## ${after}`);
    expect(read('packages/core/CHANGELOG.md')).toContain('Rows move faster.');
  });
});
