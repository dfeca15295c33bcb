/** Names beyond this many, skipped for one reason, are only counted. */
const MAX_NAMES = 10;

/**
 * What to print after the tests, and whether all is well: at least one test passed and nothing failed, no file, no
 * suite, no hook outside a test, no part that must run.
 * @param modules vitest's TestModules
 * @param unhandled errors outside all tests
 * @param {{ name: string, reason: string, required: boolean }[]} missing the parts that did not run
 * @param {readonly string[]} leftOut the slow files that a run of some files leaves out
 */
export function summarize(modules, unhandled, missing, leftOut = []) {
  const count = { passed: 0, failed: 0 };
  const skipped = new Map();
  let failedOutside = unhandled.length;
  for (const module of modules) {
    failedOutside += module.errors().length;
    for (const suite of module.children.allSuites()) failedOutside += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state, note } = test.result();
      if (state === 'passed' || state === 'failed') count[state]++;
      else push(skipped, note ?? 'not selected, or marked to be skipped', test.fullName);
    }
  }
  const lines = [...missing.map(missingLine), ...[...skipped].map(skippedLine)];
  if (leftOut.length > 0)
    lines.push(`left out because slow (--slow or a file's name runs it): ${leftOut.join('; ')}`);
  if (failedOutside > 0) lines.push(`${failedOutside} errors outside of tests: see above`);
  if (count.passed === 0) lines.push('no test passed');
  const skips = [...skipped.values()].reduce((sum, names) => sum + names.length, 0);
  // Errors outside of tests count as failures, so that the last line never says less than the exit code.
  const failed = count.failed + failedOutside + missing.filter(({ required }) => required).length;
  const notRun = [
    ...(skips > 0 ? [`, ${skips} skipped`] : []),
    ...(leftOut.length > 0
      ? [`, ${leftOut.length} slow ${leftOut.length > 1 ? 'files' : 'file'} left out`]
      : []),
  ];
  lines.push(`${count.passed} passed, ${failed} failed${notRun.join('')}`);
  return { text: lines.join('\n'), ok: failed === 0 && count.passed > 0 };
}

function push(map, key, value) {
  if (!map.has(key)) map.set(key, []);
  map.get(key).push(value);
}

function missingLine({ name, reason, required }) {
  return `${required ? 'MISSING, and required by MOE_REQUIRE' : 'did not run'}: ${name}: ${reason}`;
}

function skippedLine([reason, names]) {
  const rest = names.length > MAX_NAMES ? `, and ${names.length - MAX_NAMES} more` : '';
  return `skipped (${reason}): ${names.slice(0, MAX_NAMES).join('; ')}${rest}`;
}
