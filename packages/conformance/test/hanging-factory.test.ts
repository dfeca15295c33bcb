import type { Backend } from '@moe-dispatch/core';
import { checkUsable } from '@moe-dispatch/core/backend';
import { describe, expect, it, vi } from 'vitest';
import { ConformanceError } from '../src/conformance-error.js';
import { runConformance } from '../src/index.js';
import { reference } from './reference-backend.js';

const FILTER = 'generated/tokens/';

describe('a factory whose create() hangs', () => {
  const hanging = { name: 'hanging', create: () => new Promise<never>(() => {}) };

  it('ends with the signal', async () => {
    const running = runConformance(hanging, { filter: FILTER, signal: AbortSignal.timeout(50) });
    await expect(running).rejects.toThrow(ConformanceError);
    await expect(running).rejects.toThrow('ended before there was a backend');
  });

  it('ends after two minutes, and a backend that comes later is disposed', async () => {
    vi.useFakeTimers();
    try {
      const backend = await reference().create();
      const late = () => new Promise<Backend>((resolve) => setTimeout(() => resolve(backend), 130_000));
      const running = runConformance({ name: 'late', create: late }, { filter: FILTER });
      const refused = expect(running).rejects.toThrow('no backend within 120 s');
      await vi.advanceTimersByTimeAsync(121_000);
      await refused;
      expect(() => checkUsable(backend)).not.toThrow();
      await vi.advanceTimersByTimeAsync(10_000);
      expect(() => checkUsable(backend)).toThrow('disposed');
    } finally {
      vi.useRealTimers();
    }
  });
});
