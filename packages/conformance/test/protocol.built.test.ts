import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { CaseResult, ConformanceReport } from '../src/index.js';
import { Workplace } from './command-line.js';

/* `moe-conformance run --command` on a program that speaks the protocol, until it meets the 70 tokens of `one-expert`. */

const place = new Workplace();
afterAll(() => place.remove());

const PROGRAM = fileURLToPath(new URL('hostile-program.mjs', import.meta.url));
const commandOf = (mode: string) => `exec '${process.execPath}' '${PROGRAM}' ${mode}`;
const FILTER = ['--filter', 'generated/plan/'];

async function failures(
  mode: string,
  ...options: string[]
): Promise<{ failed: CaseResult[]; stderr: string }> {
  const { stdout, stderr } = await place.run(
    'run',
    ...['--command', commandOf(mode), '--json', 'report.json', ...FILTER, ...options],
  );
  const report: ConformanceReport = JSON.parse(readFileSync(join(place.folder, 'report.json'), 'utf8'));
  expect(report.cases).toHaveLength(8);
  const failed = report.cases.filter(({ status }) => status === 'failed');
  expect(stdout).toContain(`${8 - failed.length} passed, ${failed.length} failed`);
  return { failed, stderr };
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a program that speaks the protocol', () => {
  it('passes all that it claims, and is named in the report', async () => {
    const { code, stdout } = await place.run('run', '--command', commandOf(''), ...FILTER);
    expect(stdout).toContain('hostile (test)');
    expect(stdout).toContain('8 passed, 0 failed');
    expect(code).toBe(0);
    const others = await place.run('run', '--command', commandOf(''), '--filter', 'golden/softmax-e8');
    expect(others.stdout).toContain('0 passed, 0 failed, 3 not claimed');
    const refused = await place.run('run', '--command', commandOf(''), '--filter', 'errors/undeclared');
    expect(refused.stdout).toContain('1 passed, 0 failed');
  });

  it.each([
    ['crash', 'that it ended with SIGSEGV'],
    ['exit', 'that it ended with code 7: out of luck'],
    ['garbage', 'that it wrote what is no message: "loading the model …\\n" (logs belong on stderr)'],
    ['garbage-without-end', 'that it wrote what is no message: "01234567890123456789'],
    ['broken-json', 'that it wrote a line that is not JSON: "{\\"id\\": 1,\\n"'],
    ['long-line', 'that it wrote a line of more than 1048576 bytes'],
    ['half-line', 'that it ended with code 0 in the middle of a message (7 bytes of a line)'],
    ['half-bytes', 'that it ended with code 0 in the middle of a message (2 of 904 bytes)'],
    ['too-many-bytes', 'that it wrote 8 bytes more than its message has: "and more"'],
    ['another-id', 'wrong message: id: expected 2, found 3'],
    ['no-outputs', 'wrong message: outputs: expected one tokenNumsPerExpert, found []'],
    ['another-shape', 'outputs: tokenNumsPerExpert: expected int64 [5] of 40 bytes, found {"name"'],
    ['no-code', 'wrong message: error: expected an object, found "no"'],
    ['forks', 'that it ended with code 0'],
  ])('fails the case of %s, and goes on with the next', async (mode, words) => {
    const { failed, stderr } = await failures(mode);
    expect(failed.map(({ id }) => id)).toEqual(['generated/plan/one-expert']);
    expect(failed[0].error).toMatchObject({ name: 'DeviceError', code: 'DEVICE_LOST' });
    expect(failed[0].error?.message).toContain(words);
    expect(failed[0].error?.message).toMatch(/^command: expected a reply, found /);
    if (mode === 'forks') await expectEnd(Number(/forked (\d+)\./.exec(stderr)![1]));
  });

  it.each(['hang', 'half-bytes-and-hang'])('ends one that does not answer: %s', async (mode) => {
    const { failed } = await failures(mode, '--timeout', '0.5');
    expect(failed.map(({ id }) => id)).toEqual(['generated/plan/one-expert']);
    expect(failed[0].error?.message).toBe('no result within 0.5 s, and its process was ended');
  });

  it('shows its own error, and keeps it', async () => {
    const { failed } = await failures('own-error');
    expect(failed.map(({ id }) => id)).toEqual(['generated/plan/one-expert']);
    expect(failed[0].error).toEqual({
      name: 'InvalidArgumentError',
      code: 'DEVICE_ERROR',
      message: "planDispatch: expected results, found the backend's error 'the fan is broken'",
    });
  });

  it('ends what it has forked', async () => {
    const { failed, stderr } = await failures('forks-and-answers');
    expect(failed).toEqual([]);
    await expectEnd(Number(/forked (\d+)\./.exec(stderr)![1]));
  });

  it.each([
    ['hello-none', 'ended with code 3'],
    ['hello-garbage', 'wrote what is no message: "Hello!\\n"'],
    [
      'hello-other',
      'said no hello: expected "protocol": "moe-conformance" in its first line, found {"jsonrpc":"2.0"}',
    ],
    ['hello-version', 'wrote a wrong message: version: expected 1, found 2'],
    ['hello-operation', 'operations: expected some of moeDispatch, '],
    ['hello-dtypes', 'dtypes: expected float32, int32, int64 among them, found ["float32"]'],
    ['hello-limits', 'limits.maxExperts: expected an integer of at least 1, found 0'],
  ])('is no backend with %s', async (mode, words) => {
    const { code, stderr } = await place.run('run', '--command', commandOf(mode), ...FILTER);
    expect(stderr).toContain(words);
    expect(code).toBe(2);
  });

  it('ends with the command, however that ends', async () => {
    const command = place.start('run', '--command', `echo pid $$. >&2; ${commandOf('hang')}`, ...FILTER);
    let stderr = '';
    command.stderr!.on('data', (chunk) => {
      stderr += chunk;
    });
    const pid = Number(await vi.waitFor(() => /pid (\d+)\./.exec(stderr)![1], { timeout: 30_000 }));
    expect(isAlive(pid)).toBe(true);
    command.kill('SIGKILL');
    await expectEnd(pid);
  });

  it('is named as backends are, wherever they are', async () => {
    const two = await place.run('run', '--command', commandOf(''), '--backend', './x.js');
    expect(two.stderr).toContain('--backend: expected one, found 2');
    const named = await place.run('run', '--backend', `command:${commandOf('')}`, ...FILTER);
    expect(named.stdout).toContain('8 passed, 0 failed');
    const joined = await place.run('run', `--command=${commandOf('own-error')}`, ...FILTER);
    expect(joined.stdout).toContain('7 passed, 1 failed');
    expect(joined.stdout).toContain("repeat: npx moe-conformance run --backend 'command:exec ");
    const command = ['--command', commandOf('')];
    const pair = await place.run('compare', ...command, ...command, '--cases', '5');
    expect(pair.stderr).not.toContain('Unknown option');
  });
});

async function expectEnd(pid: number): Promise<void> {
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 10_000 });
}
