import { afterAll, beforeAll, expect, it } from 'vitest';
import { CPU, PackedProject, PROGRAM_OUTPUT } from '../packed-project.js';
import { serve, textInChromium } from './chromium.js';

let project: PackedProject;
beforeAll(() => {
  project = new PackedProject([...CPU, 'backend-webgpu'], 'webpack');
  expect(project.shell('npx webpack')).toContain('compiled successfully');
});
afterAll(() => project?.remove());

it('a production build of webpack dispatches in Chromium', async (context) => {
  const text = await serve(project.folder, (url) => textInChromium(url, '#result', context));
  expect(text).toMatch(new RegExp(`^(webgpu|cpu): ${PROGRAM_OUTPUT}$`));
});
