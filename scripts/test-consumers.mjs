// The packed packages in projects that take their time: webpack, Next.js, Bun, package managers, versions of TypeScript.
// What could not run is named at the end, with the reason. Arguments go on to vitest. Needs npm's registry.
import { parseCLI, startVitest } from 'vitest/node';
import { summarize } from './test-summary.mjs';

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
const vitest = await startVitest('test', filter, {
  config: 'vitest.consumers.config.ts',
  ...options,
  watch: false,
});
const summary = summarize(vitest.state.getTestModules(), vitest.state.getUnhandledErrors(), []);
await vitest.close();
console.log(summary.text);
process.exitCode ||= summary.ok ? 0 : 1;
