import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

/* A failing suite in vitest as its author runs it: what it prints for a case, run in a shell, repeats that case alone. */

const root = fileURLToPath(new URL('..', import.meta.url));
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

const folder = mkdtempSync(join(tmpdir(), 'moe-vitest-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Ids that a shell or a regular expression would take apart, and that begin like one another. */
const FIXTURES = ["it's (1) [new]", "it's (1) [new].2", 'plain'];

writeFileSync(
  join(folder, "author's suite.test.ts"),
  `import { describe } from 'vitest';
  import { describeBackend } from '${root}src/vitest.js';
  import { reference } from '${root}test/reference-backend.js';

  const load = () => Promise.reject(new Error('no such fixture'));
  const options = { filter: 'golden/', fixtures: { names: ${JSON.stringify(FIXTURES)}, load } };
  for (const name of ['first', 'second']) describe(name, () => describeBackend(reference(), options));`,
);

/** The output of a command of a POSIX shell that begins with `npx vitest`. */
function shell(command: string): Promise<string> {
  const local = command.replace(/^npx vitest /, `'${process.execPath}' '${vitest}' `);
  expect(local).not.toBe(command);
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined };
  return new Promise((resolve) => {
    execFile('sh', ['-c', local], { cwd: folder, env }, (_, stdout, stderr) => resolve(stdout + stderr));
  });
}

it('describeBackend prints for each failed case the command that repeats it alone', async () => {
  const output = await shell('npx vitest run');
  expect(output).toMatch(/Tests +6 failed \(6\)/);
  const commands = Array.from(output.matchAll(/^ *repeat: (.*)$/gm), ([, command]) => command);
  expect(new Set(commands).size).toBe(6);
  const named = (id: string) => commands.filter((command) => command.includes(id));
  expect(named('golden/plain')).toContain(
    `npx vitest run 'author'\\''s suite.test.ts' -t '^second conformance of reference golden/plain$'`,
  );

  const again = await shell(commands[0]);
  expect(again).toMatch(/Tests +1 failed \| 5 skipped \(6\)/);
  expect(again).toContain(`FAILED golden/${FIXTURES[0]}\n`);
  expect(again).toContain(`repeat: ${commands[0]}\n`);
});
