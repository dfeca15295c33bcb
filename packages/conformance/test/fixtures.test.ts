import { expect, it } from 'vitest';
import { ConformanceError } from '../src/conformance-error.js';
import { loadFile } from '../src/fixtures.js';

it("says what to set where Vite's dev server has moved the module away from its fixtures", async () => {
  const loading = loadFile(new URL('http://localhost:5173/node_modules/.vite/deps/undefined'));
  await expect(loading).rejects.toThrow(ConformanceError);
  await expect(loading).rejects.toThrow("optimizeDeps: { exclude: ['@moe-dispatch/conformance'] }");
});
