import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

it("the GPU bundle's vitest configuration imports nothing that is not in the bundle", () => {
  const config = readFileSync(`${root}vitest.cuda.config.ts`, 'utf8');
  const imported = [...config.matchAll(/from '([^']+)'/g)].map(([, name]) => name);
  expect(imported).toEqual(['vitest/config']);
  expect(readFileSync(`${root}scripts/gpu-bundle.mjs`, 'utf8')).toContain("'vitest.cuda.config.ts'");
});
