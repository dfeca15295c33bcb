import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workplace } from './command-line.js';

/* A backend's package exports `./conformance`, and `moe-conformance run` finds it. */

const place = new Workplace();

beforeAll(async () => {
  // Wraps boxes of arrays, which only the kit knows to make.
  await place.addModule(
    'boxes.mjs',
    `import { sabotaged } from './sabotage.js';
    export const boxes = () => sabotaged((contract) => {
      const adopt = contract.adopt.bind(contract);
      contract.adopt = (native, ...rest) => adopt(native.box, ...rest);
    });
    export const nativeMemory = () => ({
      make: async (data) => ({ box: data.slice() }),
      read: (native) => native.box.slice(),
    });`,
  );
  addPackage('backend-boxes', "export { nativeMemory } from '../../boxes.mjs';");
  addPackage('backend-typo', 'export const nativeMemory = {};');
});

afterAll(() => place.remove());

function addPackage(name: string, kit: string): void {
  const folder = join(place.folder, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  const exports = {
    '.': { import: './index.js' },
    './conformance': { types: './kit.d.ts', import: './kit.js' },
  };
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name, version: '1.2.3', type: 'module', exports }),
  );
  writeFileSync(join(folder, 'index.js'), "export { boxes } from '../../boxes.mjs';");
  writeFileSync(join(folder, 'kit.js'), kit);
}

describe('the kit of a package', () => {
  it.each([
    ['its name', 'backend-boxes'],
    ['its name and an export', 'backend-boxes#boxes'],
    ['a path inside it', 'node_modules/backend-boxes/index.js'],
    ['a path inside it and an export', './node_modules/backend-boxes/index.js#boxes'],
  ])('is found by %s', async (_, backend) => {
    const { code, stdout } = await place.run('run', '--backend', backend, '--filter', 'wrap');
    expect(stdout).toContain('18 passed, 0 failed');
    expect(code).toBe(0);
  });

  it('is not there for a module outside of packages: wrap is not claimed', async () => {
    const { code, stdout } = await place.run('run', '--backend', './boxes.mjs#boxes', '--filter', 'wrap');
    expect(stdout).toContain('0 passed, 0 failed, 18 not claimed');
    expect(code).toBe(1);
  });

  it.each([['backend-typo', 'kit.js: nativeMemory: expected a function, found object']])(
    'is checked: %s',
    async (backend, message) => {
      const { code, stderr } = await place.run('run', '--backend', backend);
      expect(stderr).toContain(message);
      expect(code).toBe(2);
    },
  );
});
