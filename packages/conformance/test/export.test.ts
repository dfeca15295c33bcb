import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSafetensors } from '@moe-dispatch/safetensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withForeignBackends } from '../src/commands/foreign-command.js';
import { compareScales } from '../src/compare.js';
import { compareReduce } from '../src/compare-reduce.js';
import { ABOUT } from '../src/export/about.js';
import { scaleBounds, sumBounds } from '../src/export/bounds.js';
import { exportCases } from '../src/export/export-cases.js';
import { FLOAT_FORMATS, ulpOf } from '../src/float-formats.js';
import { hostTensor } from '../src/host-tensor.js';
import { expectReduce } from '../src/oracle-reduce.js';
import { groupOf } from '../src/reports/matrix.js';
import { collectCases } from '../src/run.js';

const folder = mkdtempSync(join(tmpdir(), 'moe-export-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Line {
  readonly id: string;
  readonly about: string;
  readonly reason?: string;
  readonly file?: string;
  readonly calls: readonly Record<string, unknown>[];
}

describe('exported cases', () => {
  const all = collectCases({ random: 3 });
  const chosen = all.filter(({ id }) =>
    /^(golden\/(doc|softmax-e8)|errors\/routers\/(prepared-)?topk|random|generated\/(plan|wrap|indices))/.test(
      id,
    ),
  );
  let header: object;
  let lines: Line[];

  beforeAll(async () => {
    await exportCases(chosen, folder, { seed: 1 });
    const text = readFileSync(join(folder, 'manifest.jsonl'), 'utf8');
    [header, ...lines] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  });

  const tensorsOf = ({ file }: Line) => readSafetensors(readFileSync(join(folder, file!)), file!).tensors;
  const lineOf = (id: string) => lines.find((line) => line.id === id)!;

  it('are a line each, with what they are about, and a file if they have calls', () => {
    expect(header).toEqual({ kind: 'cases', version: 1, seed: 1, cases: chosen.length });
    expect(lines.map(({ id }) => id)).toEqual(chosen.map(({ id }) => id));
    const files = lines.flatMap(({ file }) => file ?? []);
    expect(readdirSync(folder).sort()).toEqual([...files, 'manifest.jsonl'].sort());
    for (const { calls, file, reason } of lines) {
      expect(calls.length > 0).toBe(file !== undefined);
      expect(calls.length > 0).toBe(reason === undefined);
    }
    expect(lineOf('generated/wrap/inputs')).toMatchObject({
      reason: 'about the API in JavaScript',
      calls: [],
    });
  });

  it('hold inputs, right results and bounds', () => {
    const line = lineOf('golden/doc-example-softmax');
    expect(line.calls[0]).toEqual({ operation: 'moeDispatch', router: { topK: 6 } });
    const tensors = tensorsOf(line);
    expect(tensors.get('0.out.topKIndices')?.dtype).toBe('int32');
    const [low, value, high] = ['low', 'out', 'high'].map(
      (kind) => tensors.get(`0.${kind}.expertScalesFloat`)!.data,
    );
    value.forEach((weight, i) => {
      expect(low[i]).toBeLessThan(Number(weight));
      expect(high[i]).toBeGreaterThan(Number(weight));
    });
  });

  it('hold the refusals, and calls that may be refused', () => {
    expect(lineOf('errors/routers/topk-above-experts').calls).toEqual([
      { operation: 'routeTokens', router: { topK: 7 }, error: 'INVALID_TOP_K' },
    ]);
    expect(lineOf('errors/routers/prepared-topk-zero').calls).toEqual([]);
    const line = lineOf('generated/indices/plan');
    const outside = line.calls.flatMap(({ mayRefuse }, i) => (mayRefuse === undefined ? [] : [i]));
    expect(outside).toHaveLength(6);
    expect([...tensorsOf(line).keys()].filter((name) => name.startsWith(`${outside[0]}.`))).toEqual([
      `${outside[0]}.in.topKIndices`,
    ]);
  });

  it('say of each group what it is about', () => {
    const groups = new Set(all.map(({ id }) => groupOf(id)).filter((group) => !group.startsWith('errors/')));
    expect([...groups].filter((group) => ABOUT[group] === undefined)).toEqual([]);
    expect(Object.keys(ABOUT).filter((group) => group !== 'errors/routers' && !groups.has(group))).toEqual(
      [],
    );
  });
});

describe('bounds', () => {
  const place = { case: '', tensor: '' };
  const step = (value: number, steps: number) => {
    const bits = new Int32Array(Float32Array.of(value).buffer);
    bits[0] += steps;
    return new Float32Array(bits.buffer)[0];
  };

  it('of weights are the last that the suite takes', () => {
    const scales = hostTensor('float32', [1, 5]);
    scales.data.set([0.3, 1, 2 ** -130, -0.7, 0]);
    const gaps = Float64Array.of(0, 3, 90, 1, 0);
    const { low, high } = scaleBounds(scales, gaps);
    for (const [bounds, sign] of [
      [low, -1],
      [high, 1],
    ] as const) {
      const data = bounds.data as Float32Array<ArrayBuffer>;
      expect(compareScales(place, data, scales, gaps)).toEqual([]);
      const beyond = data.map((value) => step(value, Math.sign(value) === sign ? 1 : -1));
      expect(compareScales(place, beyond, scales, gaps)).toHaveLength(4);
    }
  });

  it('of sums are the last that the suite takes', () => {
    const input = {
      ffnOut: { ...hostTensor('float32', [4, 1]), data: Float32Array.of(1, -2, 3, Infinity) },
      expertScalesFloat: { ...hostTensor('float32', [2, 2]), data: Float32Array.of(0.3, 0.7, 0.1, 0.9) },
      permuteIndicesPerToken: { ...hostTensor('int32', [2, 2]), data: Int32Array.of(0, 2, 1, 3) },
      topKIndices: hostTensor('int32', [2, 2]),
    };
    const expected = expectReduce(input);
    const { low, high } = sumBounds(expected);
    for (const { data } of [low, high]) {
      const bound = data as Float32Array<ArrayBuffer>;
      expect(compareReduce(place, bound, expected, false)).toEqual([]);
      expect(bound[1]).toBe(Infinity);
      const beyond = bound.slice();
      beyond[0] += (data === low.data ? -1 : 1) * ulpOf(FLOAT_FORMATS.float32, bound[0]);
      expect(compareReduce(place, beyond, expected, false)).toHaveLength(1);
    }
  });
});

it('--command is a backend', () => {
  expect(withForeignBackends(['--command', './a b', '--json', 'x', '--command=./c'])).toEqual([
    '--backend',
    'command:./a b',
    '--json',
    'x',
    '--backend=command:./c',
  ]);
});
