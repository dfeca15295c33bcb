/**
 * The suite as tests of vitest.
 * @module @moe-dispatch/conformance/vitest
 */
import type { BackendFactory } from '@moe-dispatch/core';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { CaseRunner } from './case-runner.js';
import { applyExpectations } from './expectations.js';
import { printable } from './printable.js';
import { formatFailure, repeatInVitest } from './report-text.js';
import { type ConformanceOptions, collectCases } from './run.js';
import { DEFAULT_TIMEOUT } from './time-limit.js';

/** Vitest's own limit comes later than the suite's, whose message says more. */
const GRACE = 10_000;

/**
 * Registers one vitest test for each case of the suite. What the backend does not claim, and what is expected to fail
 * and does, is skipped, with the reason. A failure says what was wrong and which command repeats that test alone.
 * @throws ConformanceError if the filter matches nothing (NoCaseError), or the expectations are wrong
 */
export function describeBackend(
  factory: BackendFactory,
  options: Omit<ConformanceOptions, 'signal'> = {},
): void {
  const { timeout = DEFAULT_TIMEOUT, expectations, onCase } = options;
  const cases = collectCases(options);
  describe(`conformance of ${factory.name}`, () => {
    let runner: CaseRunner;
    beforeAll(async () => {
      runner = await CaseRunner.create(factory, options);
    });
    afterAll(() => runner?.dispose());

    cases.forEach((conformanceCase, index) => {
      const check = async ({ task, skip }: TestContext) => {
        // Without a signal, a run has an outcome.
        const outcome = (await runner.run(conformanceCase, timeout))!;
        const result = applyExpectations(outcome.result, expectations);
        onCase?.(result, index + 1, cases.length);
        if (result.status === 'failed') {
          expect.fail(formatFailure(result, repeatInVitest(task.file.name, fullName(task))));
        }
        if (result.status !== 'passed') skip(printable(`${result.status}: ${result.reason}`));
      };
      it(conformanceCase.id, check, timeout + GRACE);
    });
  });
}

/** What `vitest -t` matches. */
function fullName({ suite, name }: Pick<TestContext['task'], 'suite' | 'name'>): string {
  return suite === undefined ? name : `${fullName(suite)} ${name}`;
}
