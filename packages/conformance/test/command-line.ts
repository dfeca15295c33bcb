import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/* The command as users run it: node on bin/ and dist/ (built before the tests), in a folder of its own. */

const root = fileURLToPath(new URL('..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with modules of test backends, where commands run. */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), 'moe-conformance-'));

  /** Bundles TypeScript that may import from the folder of the tests. */
  async addModule(name: string, contents: string): Promise<void> {
    const stdin = { contents, resolveDir: join(root, 'test'), loader: 'ts' as const };
    const outfile = join(this.folder, name);
    await build({ stdin, bundle: true, format: 'esm', platform: 'node', outfile });
  }

  start(...args: string[]): ChildProcess & { readonly ended: Promise<Ended> } {
    return this.startWith({}, ...args);
  }

  /** @param streams file descriptors in place of the pipes from stdout (1) and stderr (2) */
  startWith(
    streams: { readonly 1?: number; readonly 2?: number },
    ...args: string[]
  ): ChildProcess & { readonly ended: Promise<Ended> } {
    const bin = join(root, 'bin/moe-conformance.js');
    // pnpm's commands set NODE_PATH, by which everything in this repository would be found.
    const env = { ...process.env, NODE_PATH: '' };
    const stdio: StdioOptions = ['pipe', streams[1] ?? 'pipe', streams[2] ?? 'pipe'];
    const child = spawn(process.execPath, [bin, ...args], { cwd: this.folder, env, detached: true, stdio });
    let [stdout, stderr] = ['', ''];
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    const ended = new Promise<Ended>((resolve) => {
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });
    return Object.assign(child, { ended });
  }

  run(...args: string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
