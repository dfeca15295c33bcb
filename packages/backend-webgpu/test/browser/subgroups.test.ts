import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { expect, it } from 'vitest';
import { webgpu } from '../../src/index.js';

// The device of conformance.test.ts has no optional feature; the backend's own has subgroups, where the adapter does.
it('has subgroups', async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  expect(adapter?.features.has('subgroups')).toBe(true);
});

describeBackend(webgpu(), { filter: 'generated/ties' });
