import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PackedProject, PROGRAM, PROGRAM_OUTPUT } from './packed-project.js';

let project: PackedProject;
beforeAll(() => {
  project = new PackedProject();
});
afterAll(() => project.remove());

describe('the packed packages in plain Node', () => {
  it('dispatch', () => {
    project.write('program.js', PROGRAM);
    expect(project.node('program.js')).toBe(PROGRAM_OUTPUT);
  });

  it('touch no global on import', () => {
    const program = `
      const keys = () => Reflect.ownKeys(globalThis).concat(Reflect.ownKeys(Symbol)).map(String).sort().join();
      const before = keys();
      await import('@moe-dispatch/core');
      await import('@moe-dispatch/backend-cpu');
      console.log(keys() === before);
    `;
    expect(project.node('--input-type=module', '-e', program)).toBe('true');
  });

  it('are found by node -e "import(...)"', () => {
    const program = "import('@moe-dispatch/core').then((core) => console.log(typeof core.moeDispatch))";
    expect(project.node('-e', program)).toBe('function');
  });
});

describe('two copies of core in one process', () => {
  it("recognise each other's backends, tensors and errors", () => {
    const scope = join(project.folder, 'node_modules', '@moe-dispatch');
    cpSync(join(scope, 'core'), join(project.folder, 'second-core'), { recursive: true });
    const program = `
      import * as second from './second-core/dist/index.js';
      import * as first from '@moe-dispatch/core';
      import { cpu } from '@moe-dispatch/backend-cpu';

      const backend = await second.selectBackend([cpu()]);
      const x = backend.tensor(new Float32Array([1, 2]), [2, 1], 'float32');
      const gating = backend.tensor(new Float32Array([0, 1, 1, 0]), [2, 2], 'float32');
      const out = second.moeDispatch(x, gating, { moeTopk: 1 });
      let error;
      try {
        second.moeDispatch(x, gating, { moeTopk: 3 });
      } catch (thrown) {
        error = thrown;
      }
      console.log(JSON.stringify({
        distinct: first.Tensor !== second.Tensor,
        instance: x instanceof second.Tensor,
        tensor: second.isTensor(x),
        backend: second.isBackend(backend),
        rows: [...(await out.permuteInput.read())],
        error: first.isMoeDispatchError(error) && error.code,
      }));
    `;
    project.write('two-cores.js', program);
    expect(JSON.parse(project.node('two-cores.js'))).toEqual({
      distinct: true,
      instance: false,
      tensor: true,
      backend: true,
      rows: [2, 1],
      error: 'INVALID_TOP_K',
    });
  });
});
