import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Diagnosis } from '../src/doctor/diagnosis.js';
import { Workplace } from './command-line.js';

const place = new Workplace();

beforeAll(() =>
  place.addModule(
    'patients.mjs',
    `import { BackendUnavailableError } from '@moe-dispatch/core';
    import { reference } from './reference-backend.js';
    export { reference };
    export const faulty = () => reference({ prefixSumAsCounts: true });
    export const crashing = () => ({
      name: 'crashing',
      create() {
        console.error('the driver is upset');
        process.kill(process.pid, 'SIGSEGV');
      },
    });
    export const absent = () => ({
      name: 'absent',
      create() {
        const details = { argument: 'driver', found: 'none', expected: 'an NVIDIA driver' };
        throw new BackendUnavailableError('BACKEND_UNAVAILABLE', details);
      },
    });`,
  ),
);

afterAll(() => place.remove());

async function doctor(...names: string[]) {
  const options = names.flatMap((name) => ['--backend', name]);
  const { code, stdout } = await place.run('doctor', '--json', ...options);
  const { machine, backends }: { machine: object; backends: Diagnosis[] } = JSON.parse(stdout);
  return { code, machine, backends, found: new Map(backends.map((each) => [each.backend, each])) };
}

describe('moe-conformance doctor', () => {
  it('says of each backend what it is, and goes on after one that crashes', async () => {
    const modules = ['faulty', 'crashing', 'absent', 'reference'].map((name) => `./patients.mjs#${name}`);
    const { code, found, machine } = await doctor(...modules, 'backend-nowhere');
    expect(code).toBe(1);
    expect(machine).toMatchObject({ runtime: expect.stringContaining('node') });
    expect(found.get('./patients.mjs#reference')).toEqual({
      backend: './patients.mjs#reference',
      installed: true,
      works: true,
      device: 'test',
    });
    expect(found.get('./patients.mjs#faulty')).toMatchObject({
      works: false,
      problem: {
        found: expect.stringContaining('tokenNumsPerExpert'),
        remedy: expect.stringContaining('moe-conformance run --backend ./patients.mjs#faulty'),
      },
    });
    expect(found.get('./patients.mjs#crashing')?.problem?.found).toMatch(/SIGSEGV: the driver is upset$/);
    expect(found.get('./patients.mjs#absent')).toMatchObject({
      installed: true,
      works: false,
      problem: { code: 'BACKEND_UNAVAILABLE', found: 'none', remedy: 'an NVIDIA driver' },
    });
    expect(found.get('backend-nowhere')).toMatchObject({
      installed: false,
      works: false,
      problem: { remedy: 'npm install backend-nowhere' },
    });
  });

  it('looks at the three backends of this project, and exits with 0 where all that were named work', async () => {
    const { code, backends } = await doctor('./patients.mjs#reference');
    expect(backends.map(({ backend }) => backend)).toEqual([
      '@moe-dispatch/backend-cpu',
      '@moe-dispatch/backend-webgpu',
      '@moe-dispatch/backend-cuda',
      './patients.mjs#reference',
    ]);
    expect(code).toBe(0);
  });

  it('says what is not installed, and exits with 0 where something works', async () => {
    // From that folder, and from this package, only the CPU's backend is found.
    const { code, stdout } = await place.run('doctor');
    expect(stdout).toContain('@moe-dispatch/backend-cpu 0.0.0: works');
    expect(stdout).toContain(
      '@moe-dispatch/backend-webgpu: is not installed\n' +
        `  found:   no such package, from ${place.folder}\n` +
        '  needed:  npm install @moe-dispatch/backend-webgpu\n',
    );
    expect(code).toBe(0);
  });

  it('says it in words', async () => {
    const { stdout } = await place.run('doctor', '--backend', './patients.mjs#absent');
    expect(stdout).toContain(
      './patients.mjs#absent: does not work here (BACKEND_UNAVAILABLE)\n  found:   none\n  needed:  an NVIDIA driver',
    );
  });

  it('refuses unknown options', async () => {
    expect(await place.run('doctor', '--all')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--all'),
    });
  });
});
