import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

/**
 * The parts of the test run. Each is a project of vitest.config.ts of the same name; `missing` gives the reason why this
 * machine cannot run it, or nothing where it can.
 * @type {readonly { name: string, missing: () => string | undefined }[]}
 */
export const parts = [
  { name: 'cpu', missing: () => undefined },
  { name: 'deno', missing: missingDeno },
];

/** The names in MOE_REQUIRE, such as "cpu,deno": these parts may not be missing. */
export function requiredParts(text = '') {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const isKnown = (name) => parts.some((part) => part.name === name);
  return { required: names.filter(isKnown), unknown: names.filter((name) => !isKnown(name)) };
}

/** npm's `deno` brings its binary as an optional package, which other platforms do not have. */
function missingDeno() {
  try {
    const require = createRequire(new URL('../tests/package.json', import.meta.url));
    execFileSync(process.execPath, [require.resolve('deno/bin.cjs'), '--version'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const [reason] = String(error.stderr || error.message)
      .trim()
      .split('\n');
    return `the npm package 'deno' has no binary that runs here: ${reason}`;
  }
}
