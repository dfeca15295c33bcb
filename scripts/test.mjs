// The README's test command: one vitest run over all parts that this machine can run, then what did not run and why,
// and the totals. It builds first if a chosen file tests what is built. Arguments go on to vitest, but for --slow and
// --no-build. MOE_REQUIRE="cpu,deno" makes it an error if one of those is missing.
import { spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createVitest, parseCLI } from 'vitest/node';
import { parts, requiredParts } from './test-parts.mjs';
import { filtersOf, isLeftOut, needsBuild } from './test-selection.mjs';
import { summarize } from './test-summary.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OWN_OPTIONS = ['--slow', '--no-build'];

// Vitest may have set the exit code already.
process.exitCode ||= await main(process.argv.slice(2));

async function main(args) {
  const { required, unknown } = requiredParts(process.env.MOE_REQUIRE);
  if (unknown.length > 0) {
    const known = parts.map(({ name }) => name).join(', ');
    console.error(`MOE_REQUIRE: no part is named ${unknown.join(', ')}; there are ${known}`);
    return 2;
  }
  const [slow, noBuild] = OWN_OPTIONS.map((option) => args.includes(option));
  const { filter, options } = parseCLI([
    'vitest',
    'run',
    ...args.filter((arg) => !OWN_OPTIONS.includes(arg)),
  ]);
  const vitest = await createVitest('test', { ...options, watch: false });
  try {
    const found = await vitest.getRelevantTestSpecifications(filter);
    const leftOut = slow ? [] : found.filter(({ moduleId }) => isLeftOut(moduleId, filter));
    const chosen = found.filter((specification) => !leftOut.includes(specification));
    if (!noBuild && chosen.some(({ moduleId, project }) => needsBuild(moduleId, partOf(project)))) build();
    const missing = missingParts(chosen, required);
    await run(
      vitest,
      chosen.filter(({ project }) => missing.every(({ name }) => name !== partOf(project).name)),
    );
    const slowFiles = leftOut.map(({ moduleId }) => relative(ROOT, moduleId));
    const { state } = vitest;
    const summary = summarize(state.getTestModules(), state.getUnhandledErrors(), missing, slowFiles);
    console.log(summary.text);
    return summary.ok ? 0 : 1;
  } finally {
    await vitest.close();
  }
}

/** The project of a browser is called after it too: `browser (chromium)`. */
function partOf({ name }) {
  const [project] = name.split(' ');
  return parts.find((part) => part.name === project);
}

function build() {
  const turbo = join(ROOT, 'node_modules/.bin/turbo');
  const { status } = spawnSync(turbo, ['run', 'build', '--output-logs=errors-only'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('the build failed');
}

/** Asks only for what the chosen files need: starting Dawn, Deno and Chromium takes seconds. */
function missingParts(chosen, required) {
  const needed = new Set(chosen.map(({ project }) => partOf(project)));
  return [...needed].flatMap(({ name, missing }) => {
    const reason = missing();
    return reason === undefined ? [] : [{ name, reason, required: required.includes(name) }];
  });
}

/** By path: only this starts the reporters, and only the browsers that are needed. */
async function run(vitest, specifications) {
  if (specifications.length > 0) await vitest.start(specifications.flatMap(filtersOf));
}
