import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CaseResult, ConformanceReport } from '../src/index.js';
import { Workplace } from './command-line.js';

/* `moe-conformance run` on backends that would take its process along. */

const place = new Workplace();

beforeAll(() =>
  place.addModule(
    'hostile.mjs',
    `import { writeFileSync } from 'node:fs';
    import { replaceOperation, sabotaged } from './sabotage.js';
    const atTokens = (actions) => () => sabotaged((contract) =>
      replaceOperation(contract, 'routeTokens', (call, route) => {
        actions[call.tokens]?.();
        route(call);
      }),
    );
    const block = () => { for (;;); };
    export const hostile = atTokens({
      31: block,
      32: () => process.kill(process.pid, 'SIGSEGV'),
      64: () => { console.error('out of luck'); process.exit(7); },
      128: () => { Promise.reject(new RangeError('nobody waits')); },
    });
    export const talkative = atTokens({
      2: () => { for (const message of [null, 7, { kind: 'result' }, { kind: 'begin' }]) process.send(message); },
      31: () => {
        for (let next = 0; ; ) {
          if (Date.now() < next) continue;
          process.send({ kind: 'progress' });
          next = Date.now() + 100;
        }
      },
    });
    export const blocked = atTokens({ 32: () => { console.log('reached', process.pid); block(); } });
    export const blockedAtOnce = () => ({ name: 'blockedAtOnce', create() { console.log('reached', process.pid); block(); } });
    export const blockedInDoctor = () => ({ name: 'blockedInDoctor', create() { writeFileSync('pid', process.pid + '.'); block(); } });
    export const crashing = () => ({ name: 'crashing', create: () => process.kill(process.pid, 'SIGSEGV') });
    export const noBackend = () => ({ name: 'noBackend', create: () => ({}) });
    export const wrong = () => ({ name: 'wrong', create() { throw new TypeError('not today'); } });`,
  ),
);

afterAll(() => place.remove());

const FILTER = ['--filter', 'generated/tokens/'];

function readReport(name: string): ConformanceReport {
  return JSON.parse(readFileSync(join(place.folder, name), 'utf8'));
}

describe('moe-conformance run', () => {
  it('fails cases that block, crash or end its process, and goes on', async () => {
    const backend = ['--backend', './hostile.mjs#hostile', '--timeout', '0.5', '--json', 'hostile.json'];
    const { code, stdout } = await place.run('run', ...backend, ...FILTER);
    expect(stdout).toContain('11 passed, 4 failed');
    expect(code).toBe(1);
    const failed = new Map<string, CaseResult>();
    for (const result of readReport('hostile.json').cases) {
      if (result.status === 'failed') failed.set(result.id.replace('generated/tokens/', ''), result);
    }
    expect([...failed.keys()]).toEqual(['t=31', 't=32', 't=64', 't=128']);
    expect(failed.get('t=31')?.error).toEqual({
      name: 'TimeLimitError',
      message: 'no result within 0.5 s, and its process was ended',
    });
    expect(failed.get('t=32')?.error?.message).toBe('its process ended with SIGSEGV');
    expect(failed.get('t=64')?.error?.message).toBe('its process ended with code 7: out of luck');
    expect(failed.get('t=128')?.error).toEqual({ name: 'RangeError', message: 'nobody waits' });
    expect(readReport('hostile.json')).toMatchObject({ complete: true, totals: { passed: 11, failed: 4 } });
    expect(readReport('hostile.json').errors.length).toBeGreaterThan(0);
  });

  it.each([
    ['crashing', 'its process ended with SIGSEGV'],
    ['noBackend', "the factory 'noBackend' gave no backend"],
    ['wrong', "'./hostile.mjs#wrong' does not work here: TypeError: not today"],
  ])('exits with 2 where there is no backend: %s', async (name, message) => {
    const { code, stderr } = await place.run('run', '--backend', `./hostile.mjs#${name}`);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it('does not listen to messages that the backend sends', { timeout: 30_000 }, async () => {
    const backend = ['--backend', './hostile.mjs#talkative', '--timeout', '0.5', '--json', 'talkative.json'];
    const { code, stdout } = await place.run('run', ...backend, ...FILTER);
    expect(stdout).toContain('14 passed, 1 failed');
    expect(code).toBe(1);
    const failed = readReport('talkative.json').cases.filter(({ status }) => status === 'failed');
    expect(failed.map(({ id, error }) => [id, error?.message])).toEqual([
      ['generated/tokens/t=31', 'no result within 0.5 s, and its process was ended'],
    ]);
  });

  it('takes expectations', async () => {
    const reason = { reason: 'known', link: 'https://example.org/1' };
    const file = (name: string, ...ids: string[]) =>
      writeFileSync(
        join(place.folder, name),
        JSON.stringify({ expectedFailures: ids.map((id) => ({ id, ...reason })) }),
      );
    file('right.json', ...[31, 32, 64, 128].map((tokens) => `generated/tokens/t=${tokens}`));
    const run = (name: string) =>
      place.run(
        'run',
        '--backend',
        './hostile.mjs#hostile',
        '--timeout',
        '0.5',
        '--expectations',
        name,
        ...FILTER,
      );
    const right = await run('right.json');
    expect(right.stdout).toContain('11 passed, 0 failed, 4 failed as expected');
    expect(right.stdout).toContain(
      'expected failure generated/tokens/t=31 and 3 more: known (https://example.org/1)',
    );
    expect(right.code).toBe(0);

    file('stale.json', 'generated/tokens/t=1', 'generated/tokens/t=3*', 'generated/tokens/t=64');
    const stale = await run('stale.json');
    expect(stale.stdout).toContain('UnexpectedPass: it passes, but stale.json expects it to fail');
    expect(stale.stdout).toContain('--expectations stale.json --filter generated/tokens/t=1\n');
    expect(stale.code).toBe(1);

    file('lost.json', 'generated/tokens/t=30');
    const lost = await run('lost.json');
    expect(lost.stderr).toContain("lost.json: expectedFailures[0]: no case is 'generated/tokens/t=30'");
    expect(lost.code).toBe(2);
    expect((await run('nowhere.json')).stderr).toContain('--expectations: ENOENT');
  });

  it.each(['-1', 'soon', '1e9'])('refuses --timeout %s', async (timeout) => {
    const { code, stderr } = await place.run(
      'run',
      '--backend',
      './hostile.mjs#hostile',
      `--timeout=${timeout}`,
    );
    expect(stderr).toContain(`--timeout: expected a number of seconds up to 86400, found '${timeout}'`);
    expect(code).toBe(2);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('Ctrl-C', () => {
  // A terminal signals the whole group, a process manager only the command.
  it.each([
    ['the command alone', 'SIGINT', 130, 1],
    ['the process group', 'SIGINT', 130, -1],
    ['the command alone', 'SIGTERM', 143, 1],
  ] as const)('to %s (%s) ends a blocked run, with a report', async (_, signal, expectedCode, direction) => {
    const command = place.start(
      'run',
      '--backend',
      './hostile.mjs#blocked',
      '--json',
      'stopped.json',
      ...FILTER,
    );
    const [chunk] = await once(command.stdout!, 'data');
    const pid = Number(/reached (\d+)/.exec(String(chunk))![1]);
    expect(isAlive(pid)).toBe(true);
    process.kill(direction * command.pid!, signal);
    const { code, stdout } = await command.ended;
    expect(code).toBe(expectedCode);
    expect(stdout).toContain('3 passed, 0 failed, stopped before the last case');
    expect(readReport('stopped.json')).toMatchObject({ complete: false, totals: { passed: 3, failed: 0 } });
    expect(isAlive(pid)).toBe(false);
  });
});

it('Ctrl-C before there is a backend leaves a report', async () => {
  const backend = './hostile.mjs#blockedAtOnce';
  const command = place.start('run', '--backend', backend, '--json', 'early.json', '--html', 'early.html');
  await once(command.stdout!, 'data');
  process.kill(command.pid!, 'SIGINT');
  expect((await command.ended).code).toBe(130);
  expect(readReport('early.json')).toMatchObject({ complete: false, cases: [], backend: { name: backend } });
  expect(readFileSync(join(place.folder, 'early.html'), 'utf8')).toContain('Stopped before the last case');
});

describe('SIGKILL to the command', () => {
  /** A process that nobody waits for any more is gone soon after it has ended. */
  async function expectEnd(pid: number): Promise<void> {
    try {
      await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 10_000 });
    } finally {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
  }

  it.each(['blocked', 'blockedAtOnce'])('ends the process of a run that blocks: %s', async (name) => {
    const command = place.start('run', '--backend', `./hostile.mjs#${name}`, ...FILTER);
    const [chunk] = await once(command.stdout!, 'data');
    const pid = Number(/reached (\d+)/.exec(String(chunk))![1]);
    expect(isAlive(pid)).toBe(true);
    command.kill('SIGKILL');
    await expectEnd(pid);
  });

  it('ends the process of doctor that blocks', async () => {
    const command = place.start('doctor', '--backend', './hostile.mjs#blockedInDoctor');
    const readPid = () => /^(\d+)\.$/.exec(readFileSync(join(place.folder, 'pid'), 'utf8'))![1];
    const pid = Number(await vi.waitFor(readPid, { timeout: 30_000 }));
    expect(isAlive(pid)).toBe(true);
    command.kill('SIGKILL');
    await expectEnd(pid);
  });
});
