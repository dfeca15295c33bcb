import { execFileSync, execSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// @ts-expect-error: a script without types
import { pack, publicPackages } from '../../scripts/pack.mjs';

/** What every consumer runs: a dispatch whose result is known. It prints the counts per expert. */
export const PROGRAM = `
import { moeDispatch, selectBackend } from '@moe-dispatch/core';
import { cpu } from '@moe-dispatch/backend-cpu';

const backend = await selectBackend([cpu()]);
const x = backend.tensor(new Float32Array([1, 2, 3]), [3, 1], 'float32');
const gating = backend.tensor(new Float32Array([0, 1, 2, 0, 1, 0]), [3, 2], 'float32');
const out = moeDispatch(x, gating, { moeTopk: 1 });
const rows = await out.permuteInput.read();
const counts = await out.tokenNumsPerExpert.read();
console.log(\`rows \${rows.join(' ')}, counts \${counts.join(' ')}\`);
`;
/** Token 0 goes to expert 1, tokens 1 and 2 to expert 0. */
export const PROGRAM_OUTPUT = 'rows 2 3 1, counts 2 1';

export const CPU = ['core', 'backend-cpu'];
/** npm refuses a native part that is named itself and is for another platform. */
const isLinux = process.platform === 'linux' && process.arch === 'x64';
export const CUDA = ['core', 'backend-cuda', ...(isLinux ? ['backend-cuda-linux-x64'] : [])];
export const ALL = [...CUDA, 'backend-cpu', 'backend-webgpu', 'models', 'safetensors', 'conformance'];

/** A project outside the workspace, in which nothing but packed packages is installed, and what a fixture asks for. */
export class PackedProject {
  readonly folder = mkdtempSync(join(tmpdir(), 'moe-consumer-'));
  /** By package, without the scope. */
  readonly tarballs: Record<string, string>;
  /** What npm said when it installed. */
  readonly installLog: string;

  /**
   * @param packages without the scope
   * @param fixture a folder of ./fixtures to begin with
   */
  constructor(packages: readonly string[] = CPU, fixture?: string) {
    const all: { name: string; folder: string }[] = publicPackages();
    this.tarballs = Object.fromEntries(
      packages.map((name) => {
        const { folder } = all.find((each) => each.name === `@moe-dispatch/${name}`)!;
        return [name, pack(folder, this.folder) as string];
      }),
    );
    if (fixture !== undefined) {
      cpSync(fileURLToPath(new URL(`fixtures/${fixture}`, import.meta.url)), this.folder, {
        recursive: true,
      });
    }
    if (!existsSync(join(this.folder, 'package.json'))) {
      this.write('package.json', JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
    }
    this.installLog = this.install();
  }

  /** Has npm install the tarballs and what package.json asks for. */
  protected install(): string {
    const files = Object.values(this.tarballs).join(' ');
    return this.shell(`npm install --prefer-offline --no-audit --no-fund ${files}`);
  }

  /** Runs a command line in the project and returns what it printed, to stdout and stderr. */
  shell(command: string, env: NodeJS.ProcessEnv = {}): string {
    const options = { cwd: this.folder, env: { ...process.env, ...env }, encoding: 'utf8' as const };
    return execSync(`${command} 2>&1`, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** Runs Node in the project and returns what it printed. */
  node(...args: string[]): string {
    return execFileSync(process.execPath, args, { cwd: this.folder, encoding: 'utf8' }).trim();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
