import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, expect, it } from 'vitest';

/* The mistakes that docs/writing-a-backend.md makes in the toy backend, and what the command says of each. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TOY = join(ROOT, 'examples/toy-backend/toy-backend.ts');
const page = readFileSync(join(ROOT, 'docs/writing-a-backend.md'), 'utf8');
const source = readFileSync(TOY, 'utf8');

// Below tests, so that core is found.
const base = fileURLToPath(new URL('../node_modules', import.meta.url));
mkdirSync(base, { recursive: true });
const folder = mkdtempSync(join(base, '.mistakes-'));
afterAll(() => rmSync(folder, { recursive: true }));

const MISTAKE = /```diff\n(?<diff>.*?)```\n\n```sh\n(?<command>.*?)\n```\n\n```text\n(?<output>.*?)\n```/gs;
const mistakes = Array.from(page.matchAll(MISTAKE), ({ groups }) => groups as Record<string, string>);

/** The lines of a diff that begin with this sign, without it. */
function linesOf(diff: string, sign: '+' | '-'): string {
  const lines = diff.split('\n').filter((line) => line.startsWith(sign));
  return lines.map((line) => line.slice(1)).join('\n');
}

async function bundle(code: string): Promise<void> {
  await build({
    stdin: { contents: code, loader: 'ts', resolveDir: dirname(TOY) },
    outfile: join(folder, 'toy-backend.js'),
    bundle: true,
    format: 'esm',
    external: ['@moe-dispatch/core'],
  });
}

function run(command: string): Promise<{ code: number; stdout: string }> {
  const [npx, name, ...args] = command.split(' ');
  expect([npx, name]).toEqual(['npx', 'moe-conformance']);
  const bin = join(ROOT, 'packages/conformance/bin/moe-conformance.js');
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { cwd: folder }, (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout });
    });
  });
}

it('the toy backend has fewer than 180 lines', () => {
  expect(source.trimEnd().split('\n').length).toBeLessThan(180);
});

it('the page makes three mistakes', () => {
  expect(mistakes).toHaveLength(3);
});

it.each(mistakes)('mistake %#: passes without, fails with it', async ({ diff, command, output }) => {
  const [before, after] = [linesOf(diff, '-'), linesOf(diff, '+')];
  expect(source.split(before)).toHaveLength(2);
  await bundle(source);
  expect((await run(command)).code).toBe(0);
  await bundle(source.replace(before, () => after));
  const { code, stdout } = await run(command);
  expect(code).toBe(1);
  expect(stdout).toContain(output);
});
