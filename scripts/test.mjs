// The README's test command: one vitest run over all parts that this machine can run, then what did not run and why,
// and the totals. Arguments go on to vitest. MOE_REQUIRE="cpu,deno" makes it an error where one of those is missing.
import { parseCLI, startVitest } from 'vitest/node';
import { parts, requiredParts } from './test-parts.mjs';
import { summarize } from './test-summary.mjs';

// Vitest may have set the exit code already.
process.exitCode ||= await main(process.argv.slice(2));

async function main(args) {
  const { required, unknown } = requiredParts(process.env.MOE_REQUIRE);
  if (unknown.length > 0) {
    const known = parts.map(({ name }) => name).join(', ');
    console.error(`MOE_REQUIRE: no part is named ${unknown.join(', ')}; there are ${known}`);
    return 2;
  }
  const missing = parts.flatMap(({ name, missing: reasonOf }) => {
    const reason = reasonOf();
    return reason === undefined ? [] : [{ name, reason, required: required.includes(name) }];
  });
  const project = parts.map(({ name }) => name).filter((name) => missing.every((part) => part.name !== name));

  const { filter, options } = parseCLI(['vitest', 'run', ...args]);
  const vitest = await startVitest('test', filter, { project, ...options, watch: false });
  const summary = summarize(vitest.state.getTestModules(), vitest.state.getUnhandledErrors(), missing);
  await vitest.close();
  console.log(summary.text);
  return summary.ok ? 0 : 1;
}
