import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ALL, PackedProject, PROGRAM_OUTPUT } from '../packed-project.js';
import { textInChromium } from './chromium.js';

const URL_LINE = /http:\/\/localhost:\d+/;

let project: PackedProject;
let server: ChildProcess;
let url: string;
beforeAll(async () => {
  project = new PackedProject(ALL, 'next');
  project.shell('npx next build', { NEXT_TELEMETRY_DISABLED: '1' });
  const next = join(project.folder, 'node_modules/next/dist/bin/next');
  // Port 0: any that is free.
  server = spawn(process.execPath, [next, 'start', '--port', '0'], { cwd: project.folder });
  url = await firstUrl(server);
});
afterAll(() => {
  server?.kill();
  project?.remove();
});

it('a server component dispatches at build time', () => {
  const html = readFileSync(join(project.folder, '.next/server/app/index.html'), 'utf8');
  expect(html).toContain(PROGRAM_OUTPUT);
});

it('a client component dispatches in Chromium', async (context) => {
  const text = await textInChromium(url, '#client', context);
  expect(text).toMatch(new RegExp(`^(webgpu|cpu): ${PROGRAM_OUTPUT}$`));
});

it('a route handler asks for the CUDA backend and gets it, or the reason', async () => {
  const answer = await fetch(`${url}/cuda`);
  const { result, skipped } = (await answer.json()) as { result: string; skipped: string[] };
  expect(result).toBe(PROGRAM_OUTPUT);
  for (const reason of skipped) expect(reason).toMatch(/^cuda: cuda: expected .*, found /);
});

async function firstUrl(child: ChildProcess): Promise<string> {
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (output += text));
  for (let i = 0; i < 150 && child.exitCode === null; i++) {
    const found = URL_LINE.exec(output);
    if (found !== null && output.includes('Ready')) return found[0];
    await sleep(200);
  }
  throw new Error(`next start: ${output}`);
}
