import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
// @ts-expect-error: a script without types
import { pack, publicPackages } from '../../scripts/pack.mjs';
// @ts-expect-error: a script without types
import { tarballProblems } from '../../scripts/tarball-contents.mjs';

const { folder: core } = publicPackages().find(({ name }: { name: string }) => name === '@moe-dispatch/core');

let folder: string;
let unpacked: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'moe-tarball-'));
  unpacked = join(folder, 'unpacked');
  mkdirSync(unpacked);
  execFileSync('tar', ['-xzf', pack(core, folder), '-C', unpacked]);
});
afterAll(() => rmSync(folder, { recursive: true }));

function problems(): string[] {
  const tarball = join(folder, 'core.tgz');
  execFileSync('tar', ['-czf', tarball, '-C', unpacked, 'package']);
  return tarballProblems(core, tarball);
}

it('a tarball of core holds what it should', () => {
  expect(problems()).toEqual([]);
});

it('names what is missing, what does not belong, and maps that lead nowhere', () => {
  const at = (name: string) => join(unpacked, 'package', name);
  rmSync(at('LICENSE'));
  rmSync(at('src/errors.ts'));
  mkdirSync(at('test'));
  writeFileSync(at('test/errors.test.ts'), '');
  expect(problems().sort()).toEqual([
    'LICENSE is missing',
    'dist/errors.d.ts.map names ../src/errors.ts, which is not in it',
    'dist/errors.js.map names ../src/errors.ts, which is not in it',
    'src/errors.ts is missing',
    'test/errors.test.ts does not belong in it',
  ]);
});
