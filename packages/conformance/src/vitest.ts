/**
 * The suite as tests of vitest.
 * @module @moe-dispatch/conformance/vitest
 */
import type { Backend, BackendFactory } from '@moe-dispatch/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatFailure } from './report-text.js';
import { type ConformanceOptions, collectCases, makeEnvironment, runCase } from './run.js';

/**
 * Registers one vitest test for each case of the suite. What the backend does not claim is skipped, with the reason.
 * @throws NoCaseError where the filter matches nothing
 */
export function describeBackend(factory: BackendFactory, options: ConformanceOptions = {}): void {
  const cases = collectCases(options);
  describe(`conformance of ${factory.name}`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await factory.create();
    });
    afterAll(() => backend?.dispose());

    cases.forEach((conformanceCase, index) => {
      it(conformanceCase.id, async ({ skip }) => {
        const result = await runCase(conformanceCase, makeEnvironment(backend, factory, options));
        options.onCase?.(result, index + 1, cases.length);
        if (result.status === 'not claimed') skip(`not claimed: ${result.reason}`);
        if (result.status === 'failed') expect.fail(formatFailure(result));
      });
    });
  });
}
