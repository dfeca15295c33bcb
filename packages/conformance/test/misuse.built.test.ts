import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workplace } from './command-line.js';
import { exampleCase, exampleReport } from './example-report.js';

/* The commands with outputs that cannot be written, pipes that close, options given twice, and odd numbers. */

const place = new Workplace();
const FILTER = ['--filter', 'generated/tokens/t=3'];

beforeAll(() =>
  place.addModule(
    'odd backends.mjs',
    `import { reference } from './reference-backend.js';
    import { sabotaged } from './sabotage.js';
    export { reference };
    export const chatty = () => reference({ prefixSumAsCounts: true });
    export const nameless = () => reference({}, { device: { model: 1 } });
    export const narrow = () => reference({}, { limits: { maxTensorBytes: 2 ** 30, maxExperts: 1 } });
    export const circular = () => sabotaged(({ operations }) => {
      operations.routeTokens = () => {
        const error = new Error('round and round');
        error.cause = error;
        error.name = 5;
        throw error;
      };
    });`,
  ),
);

afterAll(() => place.remove());

const backend = (name: string) => ['--backend', `./odd backends.mjs#${name}`];
const fileOf = (name: string) => join(place.folder, name);

describe('an output that cannot be written', () => {
  it('of run: the totals and the other outputs are there', async () => {
    const outputs = ['--json', 'no/where.json', '--junit', 'there.xml'];
    const { code, stdout, stderr } = await place.run('run', ...backend('reference'), ...FILTER, ...outputs);
    expect(code).toBe(2);
    expect(stdout).toContain('3 passed, 0 failed');
    expect(stderr).toContain('--json: ENOENT');
    expect(readFileSync(fileOf('there.xml'), 'utf8')).toContain('tests="3"');
  });

  it('of compare: named, after what was found', async () => {
    const pair = [...backend('reference'), ...backend('reference')];
    const outputs = ['--json', 'no/where.json'];
    const { code, stdout, stderr } = await place.run('compare', ...pair, '--cases', '3', ...outputs);
    expect(code).toBe(2);
    expect(stdout).toContain('3 calls agree, 0 differ');
    expect(stderr).toMatch(/^--json: ENOENT/);
  });
});

describe('options', () => {
  it('run takes one --backend, and checks none of two', async () => {
    const { code, stderr } = await place.run('run', '--backend', './nowhere.mjs', ...backend('reference'));
    expect(code).toBe(2);
    expect(stderr).toContain('--backend: expected one, found 2');
  });

  it.each([
    [['run', '--seed', '2147483647', '--random', '2'], '--seed: expected at most 2147483646 with 2 calls'],
    [['run', '--random', '2147483647'], '--random: expected an integer from 0 to 1000000'],
    [
      ['compare', ...backend('reference'), '--seed', '2147483640', '--cases', '10'],
      '--seed: expected at most 2147483638 with 10 calls',
    ],
  ])('refuses %j', async ([command, ...args], message) => {
    const { code, stderr } = await place.run(command, ...backend('reference'), ...args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it('a failure prints a command that a shell takes, with the options that matter', async () => {
    writeFileSync(fileOf('known $HOME.json'), JSON.stringify({ expectedFailures: [] }));
    const options = ['--timeout', '20', '--expectations', 'known $HOME.json'];
    const { stdout } = await place.run('run', ...backend('chatty'), '--filter', 'tokens/t=32', ...options);
    expect(stdout).toContain(
      "  repeat: npx moe-conformance run --backend './odd backends.mjs#chatty' --timeout 20" +
        " --expectations 'known $HOME.json' --filter generated/tokens/t=32\n",
    );
  });
});

describe('a backend', () => {
  it('whose info is not text is refused', async () => {
    const { code, stderr } = await place.run('run', ...backend('nameless'), ...FILTER);
    expect(stderr).toBe('backend.info.device: expected a text, found object\n');
    expect(code).toBe(2);
  });

  it('whose error is its own cause fails its cases at once', async () => {
    const outputs = ['--json', 'circular.json', '--html', 'circular.html'];
    const { stdout } = await place.run(
      'run',
      ...backend('circular'),
      ...FILTER,
      '--timeout',
      '5',
      ...outputs,
    );
    expect(stdout).toContain('threw 5: round and round');
    expect(stdout).toContain('0 passed, 3 failed');
    expect(stdout).not.toContain('TimeLimitError');
    expect(existsSync(fileOf('circular.html'))).toBe(true);
  });

  it('that does not claim the example works for no doctor', async () => {
    const { code, stdout } = await place.run('doctor', ...backend('narrow'));
    expect(stdout).toContain('does not claim what the smallest example needs: ');
    expect(code).toBe(1);
  });
});

it('a pipe that closes keeps no report from being written', async () => {
  const command = place.start(
    'run',
    ...backend('chatty'),
    '--filter',
    'generated/tokens/',
    '--json',
    'pipe.json',
  );
  await once(command.stdout!, 'data');
  command.stdout!.destroy();
  const { code, stderr } = await command.ended;
  expect(stderr).not.toContain('EPIPE');
  expect(code).toBe(1);
  expect(JSON.parse(readFileSync(fileOf('pipe.json'), 'utf8'))).toMatchObject({ complete: true });
});

it.each([
  ['stdout', 1, 2, 'stdout: ENOSPC'],
  ['stderr', 2, 0, '3 passed, 0 failed'],
] as const)('a full disk behind %s costs no report', async (name, fd, expected, said) => {
  const full = openSync('/dev/full', 'w');
  const args = ['run', ...backend('reference'), ...FILTER, '--json', `full-${name}.json`];
  const { code, stdout, stderr } = await place.startWith({ [fd]: full }, ...args).ended;
  closeSync(full);
  expect(JSON.parse(readFileSync(fileOf(`full-${name}.json`), 'utf8'))).toMatchObject({ complete: true });
  expect(stdout + stderr).toContain(said);
  expect(code).toBe(expected);
});

it('pipes among the fixtures fail at once, and only they', async () => {
  mkdirSync(fileOf('pipes'));
  const fixture = new URL('../fixtures/group-e6-k2-f16.safetensors', import.meta.url);
  copyFileSync(fixture, fileOf('pipes/real.safetensors'));
  for (const name of ['a', 'b', 'c', 'd', 'e']) execFileSync('mkfifo', [fileOf(`pipes/${name}.safetensors`)]);
  const args = ['--fixtures', 'pipes', '--filter', 'golden/'];
  const { code, stdout } = await place.run('run', ...backend('reference'), ...args);
  expect(stdout).toContain('pipes/a.safetensors: expected a file, found something else');
  expect(stdout).toContain('1 passed, 5 failed');
  expect(code).toBe(1);
});

it('Ctrl-C ends bench, and it writes what it has', async () => {
  const shapes = ['64,64,8,2', '65,64,8,2', '66,64,8,2'].flatMap((shape) => ['--shape', shape]);
  const command = place.start('bench', ...backend('reference'), ...shapes, '--json', 'bench.json');
  // The second shape begins when the first is done.
  await once(command.stderr!, 'data');
  await once(command.stderr!, 'data');
  process.kill(command.pid!, 'SIGINT');
  const { code, stdout } = await command.ended;
  expect(code).toBe(130);
  expect(stdout).toContain('66, 64, 8, 2: stopped before its end');
  const [{ rows, leftOut }] = JSON.parse(readFileSync(fileOf('bench.json'), 'utf8')).backends;
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.length + leftOut.length).toBe(3);
});

it('a file that names a case twice is no report', async () => {
  const twice = exampleReport('cpu', [exampleCase('golden/a', 'failed'), exampleCase('golden/a', 'passed')]);
  writeFileSync(fileOf('twice.json'), JSON.stringify(twice));
  const { code, stderr } = await place.run('merge', 'twice.json', '--html', 'twice.html');
  expect(stderr).toContain("twice.json: /cases/1/id: 'golden/a' a second time");
  expect(code).toBe(2);
});

it('a file that only nests is no report', async () => {
  writeFileSync(fileOf('nested.json'), '['.repeat(200_000));
  const { code, stderr } = await place.run('merge', 'nested.json', '--html', 'nested.html');
  expect(stderr).toContain('nested.json: no JSON: it nests too deeply');
  expect(code).toBe(2);
});

/** JSON of the depth at which writing it runs out of stack. */
const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
const valid = JSON.stringify(exampleReport('cpu', []));
it.each([
  ['version', `{"version":${deep}}`],
  ['a field that nobody knows', valid.replace('{', `{"more":${deep},`)],
  ['everything', deep],
])('JSON that nests deeply in %s is no report for diff and merge', async (_, text) => {
  writeFileSync(fileOf('deep.json'), text);
  writeFileSync(fileOf('valid.json'), valid);
  for (const args of [
    ['diff', 'valid.json', 'deep.json'],
    ['merge', 'deep.json', '--json', 'x.json'],
  ]) {
    const { code, stderr } = await place.run(...args);
    expect(stderr).toBe('deep.json: no report: it nests more than 32 objects and arrays\n');
    expect(code).toBe(2);
  }
});
