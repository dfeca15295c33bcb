import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
// @ts-expect-error: a script without types
import { releaseProblems } from '../../scripts/release-problems.mjs';

const HOOKS = fileURLToPath(new URL('../../.pnpmfile.cjs', import.meta.url));
const ADDRESS = 'https://git.example/owner/name';
const VERSIONS = ['0.1.0', '0.1.0'];

describe('a release', () => {
  it('needs an address, and one version that is set', () => {
    expect(releaseProblems({ repository: ADDRESS }, VERSIONS, false)).toEqual([]);
    expect(releaseProblems({ repository: ADDRESS }, ['0.0.0'], false)).toHaveLength(1);
    expect(releaseProblems({ repository: ADDRESS }, ['0.1.0', '0.1.1'], false)).toHaveLength(1);
  });

  it.each(['', 'owner/name', `${ADDRESS}.git`, `${ADDRESS}/`, `git+${ADDRESS}`])(
    'refuses %j',
    (repository) => {
      expect(releaseProblems({ repository }, VERSIONS, false)).toEqual([
        expect.stringContaining(`https://HOST/OWNER/NAME, found '${repository}'`),
      ]);
    },
  );

  it('can be rehearsed without an address', () => {
    expect(releaseProblems({ repository: '' }, VERSIONS, true)).toEqual([]);
    expect(releaseProblems({ repository: 'owner/name' }, VERSIONS, true)).toHaveLength(1);
  });
});

describe('a packed manifest', () => {
  /** What .pnpmfile.cjs makes of a manifest beside a workspace's package.json with that setting. */
  function packed(repository: string, manifest: object): object {
    const folder = mkdtempSync(join(tmpdir(), 'moe-hooks-'));
    cpSync(HOOKS, join(folder, 'hooks.cjs'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ repository }));
    const { hooks } = createRequire(import.meta.url)(join(folder, 'hooks.cjs'));
    rmSync(folder, { recursive: true });
    return hooks.beforePacking(manifest);
  }

  it('names the repository, its own folder there and a home page', () => {
    expect(packed(ADDRESS, { name: '@moe-dispatch/core', version: '0.1.0' })).toEqual({
      name: '@moe-dispatch/core',
      version: '0.1.0',
      repository: { type: 'git', url: `git+${ADDRESS}.git`, directory: 'packages/core' },
      homepage: `${ADDRESS}#readme`,
    });
  });

  it('invents none', () => {
    const manifest = { name: '@moe-dispatch/core', version: '0.1.0' };
    expect(packed('', { ...manifest })).toEqual(manifest);
  });

  it('leads to no sources, and takes core of its own minor version', () => {
    const exports = { '.': { '@moe-dispatch/source': './src/index.ts', default: './dist/index.js' } };
    const peerDependencies = { '@moe-dispatch/core': '<1.0.0' };
    expect(
      packed('', { name: '@moe-dispatch/a', version: '0.2.3', exports, peerDependencies }),
    ).toMatchObject({
      exports: { '.': { default: './dist/index.js' } },
      peerDependencies: { '@moe-dispatch/core': '^0.2.3' },
    });
  });
});
