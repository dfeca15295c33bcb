import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchReport } from '../src/bench/bench-report.js';
import type { ComparisonReport } from '../src/index.js';
import { type Ended, Workplace } from './command-line.js';

/* `compare`, `bench` and `hash` on backends that would take their process along. */

const place = new Workplace();

beforeAll(() =>
  place.addModule(
    'hostile.mjs',
    `import { reference } from './reference-backend.js';
    import { replaceOperation, sabotaged } from './sabotage.js';
    export { reference };
    /** Does it at the fifth moeReduce. */
    const atReduce = (action) => () => {
      let calls = 0;
      return sabotaged((contract) => replaceOperation(contract, 'moeReduce', (call, reduce) => {
        calls += 1;
        if (calls > 4) action();
        reduce(call);
      }));
    };
    export const exits = atReduce(() => process.exit(0));
    export const blocks = atReduce(() => { console.log('reached', process.pid); for (;;); });
    export const rejects = atReduce(() => { Promise.reject(new RangeError('nobody waits')); });
    export const nameless = atReduce(() => { throw { toString() { throw 1; } }; });
    export const exitsAtOnce = () => ({ name: 'exitsAtOnce', create: () => process.exit(0) });
    export const silent = () => sabotaged((contract) => {
      let reads = 0;
      const allocate = contract.allocate.bind(contract);
      contract.allocate = (spec) => {
        const tensor = allocate(spec);
        const download = tensor.download.bind(tensor);
        tensor.download = () => (reads++ > 100 ? new Promise(() => {}) : download());
        return tensor;
      };
    });`,
  ),
);

afterAll(() => place.remove());

const module = (name: string) => ['--backend', `./hostile.mjs#${name}`];
const read = (name: string) => JSON.parse(readFileSync(join(place.folder, name), 'utf8'));

/** What is said of each, and whether the process itself came to an end. */
const HOSTILE: readonly [name: string, message: string][] = [
  ['exits', 'its process ended with code 0'],
  ['blocks', 'no result within 0.5 s, and its process was ended'],
  ['silent', 'no result within 0.5 s, and its process was ended'],
  ['rejects', 'outside of any call, a backend threw RangeError: nobody waits'],
];

describe('compare', () => {
  const compare = (name: string): Promise<Ended> =>
    place.run(
      ...['compare', ...module('reference'), ...module(name), '--cases', '40'],
      ...['--timeout', '0.5', '--json', `${name}.json`],
    );

  it.each(HOSTILE)('says what ended it, and what was compared until then: %s', async (name, message) => {
    const { code, stdout, stderr } = await compare(name);
    expect(stderr).toMatch(/^in the call of seed \d+: /m);
    expect(stderr).toContain(message);
    expect(stderr).toContain('repeat: npx moe-conformance compare');
    expect(code).toBe(2);
    const report: ComparisonReport = read(`${name}.json`);
    expect(report).toMatchObject({ complete: false, error: { message: expect.stringContaining(message) } });
    expect(report.totals.agreed).toBeGreaterThan(0);
    expect(stdout).toContain(`${report.totals.agreed} calls agree, 0 differ`);
  });

  it('takes what has no text for something thrown', async () => {
    const { code, stdout } = await compare('nameless');
    expect(stdout).toContain('B threw a value of type object that has no text');
    expect(code).toBe(2);
    expect(read('nameless.json').totals.failed).toBeGreaterThan(0);
  });

  it('writes a report if there is no backend', async () => {
    const { code, stderr } = await compare('exitsAtOnce');
    expect(stderr).toContain('its process ended with code 0');
    expect(code).toBe(2);
    expect(read('exitsAtOnce.json')).toMatchObject({ complete: false, totals: { agreed: 0, failed: 0 } });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends with %s while a backend blocks', async (signal, expected) => {
    const command = place.start(
      'compare',
      ...module('reference'),
      ...module('blocks'),
      '--json',
      'stop.json',
    );
    await once(command.stdout!, 'data');
    process.kill(command.pid!, signal);
    const { code, stdout } = await command.ended;
    expect(code).toBe(expected);
    expect(stdout).toContain('4 calls agree, 0 differ, stopped early');
    expect(read('stop.json')).toMatchObject({ complete: false, totals: { agreed: 4 } });
    expect(read('stop.json')).not.toHaveProperty('error');
  });
});

describe('bench', () => {
  const SHAPES = ['--shape', '4,8,4,1', '--shape', '5,8,4,1'];

  it.each(HOSTILE)('says what ended it: %s', async (name, message) => {
    const { code, stdout, stderr } = await place.run(
      ...['bench', ...module(name), ...SHAPES, '--timeout', '0.5', '--json', `bench-${name}.json`],
    );
    expect(stderr).toContain(`./hostile.mjs#${name}: 4, 8, 4, 1: `);
    expect(stderr).toContain(message);
    expect(stdout).toContain('left out: 5, 8, 4, 1: not begun: the shape before it ended the process');
    expect(code).toBe(2);
    const [{ rows, leftOut }] = (read(`bench-${name}.json`) as BenchReport).backends;
    expect([rows.length, leftOut.length]).toEqual([0, 2]);
  });

  it('keeps what was measured before', async () => {
    const outputs = ['--json', 'nameless.json'];
    const one = await place.run('bench', ...module('nameless'), ...SHAPES, ...outputs);
    expect(one.stderr).toContain('a value of type object that has no text');
    expect(one.code).toBe(2);
    const both = ['bench', ...module('reference'), ...module('exits'), ...SHAPES, ...outputs];
    expect((await place.run(...both)).code).toBe(2);
    const { backends } = read('nameless.json') as BenchReport;
    expect(backends.map(({ rows }) => rows.length)).toEqual([2, 0]);
  });

  it('ends with SIGTERM while a backend blocks', async () => {
    const command = place.start('bench', ...module('blocks'), ...SHAPES, '--json', 'stop.json');
    await once(command.stdout!, 'data');
    process.kill(command.pid!, 'SIGTERM');
    const { code, stdout } = await command.ended;
    expect(code).toBe(143);
    expect(stdout).toContain('left out: 4, 8, 4, 1: stopped before its end');
    expect(read('stop.json').backends[0].leftOut).toHaveLength(2);
  });
});

describe('hash', () => {
  it.each(['exits', 'rejects'])('does not end well with a backend that does not: %s', async (name) => {
    const { code, stdout, stderr } = await place.run('hash', ...module(name), '--cases', '20');
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
    expect(code).toBe(2);
  });
});

it('run takes what has no text for something thrown', async () => {
  const { code, stdout } = await place.run('run', ...module('nameless'), '--filter', 'generated/reduce/');
  expect(stdout).toContain('a value of type object that has no text');
  expect(stdout).toMatch(/^\d+ passed, \d+ failed/m);
  expect(code).toBe(1);
});
