import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// @ts-expect-error: a script without types
import { pack, publicPackages } from '../../scripts/pack.mjs';

const CONSUMED = ['@moe-dispatch/core', '@moe-dispatch/backend-cpu'];

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

/** A project outside the workspace, in which nothing but the packed packages is installed. */
export class PackedProject {
  readonly folder = mkdtempSync(join(tmpdir(), 'moe-consumer-'));

  constructor() {
    const all: { name: string; folder: string }[] = publicPackages();
    const consumed = all.filter(({ name }) => CONSUMED.includes(name));
    const tarballs = consumed.map(({ folder }) => pack(folder, this.folder) as string);
    this.write('package.json', JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
    const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    // On Windows npm is a script, which needs a shell.
    execFileSync('npm', [...install, ...tarballs], { cwd: this.folder, shell: process.platform === 'win32' });
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
