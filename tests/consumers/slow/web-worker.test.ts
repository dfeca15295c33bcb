import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CPU, PackedProject, PROGRAM_OUTPUT } from '../packed-project.js';
import { serve, textInChromium } from './chromium.js';

let project: PackedProject;
beforeAll(async () => {
  project = new PackedProject([...CPU, 'backend-webgpu'], 'web-worker');
  const worker = { format: 'es' as const };
  await build({ root: project.folder, logLevel: 'error', configFile: false, worker });
});
afterAll(() => project?.remove());

it("a Web Worker in Vite's bundle dispatches in Chromium", async (context) => {
  const text = await serve(join(project.folder, 'dist'), (url) => textInChromium(url, '#result', context));
  expect(text).toMatch(new RegExp(`^(webgpu|cpu): ${PROGRAM_OUTPUT}$`));
});
