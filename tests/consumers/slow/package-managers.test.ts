import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CUDA_PROGRAM, cudaAnswer } from '../cuda-program.js';
import { CUDA, PackedProject } from '../packed-project.js';

const BERRY = {
  YARN_NODE_LINKER: 'node-modules',
  YARN_ENABLE_IMMUTABLE_INSTALLS: '0',
  YARN_ENABLE_TELEMETRY: '0',
};

let project: PackedProject;
/** Tarballs are not on a registry, so the manifest names them, also for what the backend's own manifest asks for. */
class Manifest extends PackedProject {
  protected override install(): string {
    const files = Object.entries(this.tarballs).map(([name, path]) => [
      `@moe-dispatch/${name}`,
      `file:${path}`,
    ]);
    const local = Object.fromEntries(files);
    this.write(
      'package.json',
      JSON.stringify({
        name: 'consumer',
        private: true,
        type: 'module',
        dependencies: local,
        overrides: { '@moe-dispatch/backend-cuda-linux-x64': '$@moe-dispatch/backend-cuda-linux-x64' },
        resolutions: local,
        pnpm: { overrides: local },
      }),
    );
    return '';
  }
}
beforeAll(() => {
  project = new Manifest(CUDA);
});
afterAll(() => project?.remove());

it.each([
  ['npm', 'npm install --no-audit --no-fund', {}],
  ['pnpm', 'npx --yes pnpm@10.34.9 install', { CI: '1' }],
  ['yarn 1', 'npx --yes yarn@1.22.22 install', {}],
  ['yarn 4', 'npx --yes @yarnpkg/cli-dist@4.18.1 install', BERRY],
])('%s installs the CUDA backend with its platform package', (_, command, env) => {
  for (const name of ['node_modules', 'package-lock.json', 'pnpm-lock.yaml', 'yarn.lock']) {
    project.shell(`rm -rf ${name}`);
  }
  project.shell(command, env);
  const installed = join(project.folder, 'node_modules/@moe-dispatch/backend-cuda/package.json');
  expect(existsSync(installed) && JSON.parse(readFileSync(installed, 'utf8')).name).toBe(
    '@moe-dispatch/backend-cuda',
  );
  project.write('cuda.mjs', CUDA_PROGRAM);
  expect(cudaAnswer(project.node('cuda.mjs'))).toBe('as expected');
});
