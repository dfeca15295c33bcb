import { readSafetensors, writeSafetensors } from '@moe-dispatch/safetensors';
import { describe, expect, it } from 'vitest';
import { FixtureError, parseGolden } from '../src/golden-fixture.js';
import type { HostTensor } from '../src/host-tensor.js';
import { packageFixtures, runConformance } from '../src/index.js';
import { reference } from './reference-backend.js';

async function changed(
  name: string,
  change: (tensors: Map<string, HostTensor>, metadata: Map<string, string>) => void,
): Promise<Uint8Array> {
  const { tensors, metadata } = readSafetensors(await packageFixtures.load(name), name);
  const [newTensors, newMetadata] = [new Map(tensors), new Map(metadata)];
  change(newTensors, newMetadata);
  return writeSafetensors(newTensors, newMetadata);
}

describe('parseGolden', () => {
  it('makes x by its formula', async () => {
    const [{ inputs, options }] = parseGolden(await packageFixtures.load('doc-example-softmax'), 'doc');
    const x = inputs.x as HostTensor;
    expect(options).toEqual({ moeTopk: 6, groupMoe: false, topkOnlyMode: false });
    expect(x).toMatchObject({ shape: [1280, 768], dtype: 'float32' });
    // (2654435761 >> 8) / 2^24 and (2 · 2654435761 mod 2^32 >> 8) / 2^24
    expect([...x.data.slice(0, 3)]).toEqual([0, 10368889 / 2 ** 24, 3960563 / 2 ** 24]);
  });

  const bad: [string, string, (t: Map<string, HostTensor>, m: Map<string, string>) => void, string][] = [
    ['another operation', 'softmax-e8-k2-f32', (_, m) => m.set('op', 'moe_combine'), "'op' is 'moe_combine'"],
    ['no gating', 'softmax-e8-k2-f32', (t) => t.delete('gating_output'), "'gating_output' is missing"],
    ['no topk', 'softmax-e8-k2-f32', (_, m) => m.delete('moe_topk'), "'moe_topk' is missing"],
    ['a topk that is no number', 'softmax-e8-k2-f32', (_, m) => m.set('moe_topk', '2e0'), "is '2e0'"],
    ['no x at all', 'softmax-e8-k2-f32', (t) => t.delete('x'), "neither tensor 'x'"],
    ['a bad flag', 'softmax-e8-k2-f32', (_, m) => m.set('group_moe', 'True'), "is 'True'"],
    [
      'a bad reduce',
      'softmax-e8-k2-f32',
      (_, m) => m.set('reduce0', '{"bias":1}'),
      "metadata 'reduce0' must have",
    ],
    ['reduce not JSON', 'softmax-e8-k2-f32', (_, m) => m.set('reduce0', '{'), 'not a JSON object'],
    [
      'no reduce output',
      'softmax-e8-k2-f32',
      (t) => t.delete('reduce1.output'),
      "'reduce1.output' is missing",
    ],
    [
      'an unknown formula',
      'doc-example-softmax',
      (_, m) => m.set('x_generator', '{"shape":[1280,1],"dtype":"float32","formula":"x[i] = i","M":1}'),
      "unknown formula 'x[i] = i'",
    ],
    [
      'a hostile size',
      'doc-example-softmax',
      (_, m) => m.set('x_generator', m.get('x_generator')!.replace('768', '9000000000')),
      'more than',
    ],
    [
      'an unknown dtype',
      'doc-example-softmax',
      (_, m) => m.set('x_generator', m.get('x_generator')!.replace('"dtype": "float32"', '"dtype": "int4"')),
      "unknown dtype 'int4'",
    ],
  ];
  it.each(bad)('refuses: %s', async (_, name, change, message) => {
    const bytes = await changed(name, change);
    expect(() => parseGolden(bytes, 'f.safetensors')).toThrow(FixtureError);
    expect(() => parseGolden(bytes, 'f.safetensors')).toThrow(message);
    expect(() => parseGolden(bytes, 'f.safetensors')).toThrow(/^f\.safetensors, byte \d+: /);
  });
});

const f32 = (shape: number[], ...values: number[]): HostTensor => ({
  data: Float32Array.from(values),
  shape,
  dtype: 'float32',
});
const i32 = (shape: number[], ...values: number[]): HostTensor => ({
  data: Int32Array.from(values),
  shape,
  dtype: 'int32',
});

/** A call of each stage and of moeReduce, and an output with one wrong element. */
const OWN_FORM: readonly [
  operation: string,
  options: object,
  tensors: Record<string, HostTensor>,
  wrong: Record<string, HostTensor>,
][] = [
  [
    'routeTokens',
    { moeTopk: 1, topkOnlyMode: true },
    {
      gatingOutput: f32([2, 2], 1, 2, 4, 3),
      topKIndices: i32([2, 1], 1, 0),
      expertScalesFloat: f32([2, 1], 2, 4),
    },
    { expertScalesFloat: f32([2, 1], 2, 5) },
  ],
  [
    'planDispatch',
    { numExperts: 3 },
    {
      topKIndices: i32([2, 1], 2, 0),
      permuteIndicesPerToken: i32([1, 2], 1, 0),
      expertOffsets: i32([4], 0, 1, 1, 2),
    },
    { expertOffsets: i32([4], 0, 1, 2, 2) },
  ],
  [
    'permuteRows',
    {},
    { x: f32([2], 7, 8), permuteIndicesPerToken: i32([1, 2], 1, 0), permuteInput: f32([2], 8, 7) },
    { permuteInput: f32([2], 8, 8) },
  ],
  [
    'moeReduce',
    { routedScalingFactor: 2 },
    {
      ffnOut: f32([2, 1], 3, 5),
      expertScalesFloat: f32([2, 1], 0.5, 1),
      permuteIndicesPerToken: i32([1, 2], 1, 0),
      topKIndices: i32([2, 1], 0, 0),
      ffn2Bias: f32([1, 1], 1),
      output: f32([2, 1], 6, 8),
    },
    { output: f32([2, 1], 6, 8.000001) },
  ],
];

describe('golden cases', () => {
  /** What a correct backend is told about a changed fixture. */
  async function run(name: string, change: Parameters<typeof changed>[1]) {
    const bytes = await changed(name, change);
    const report = await runConformance(reference(), {
      fixtures: { names: ['changed'], load: async () => bytes },
      filter: 'golden/changed',
    });
    return report.cases[0];
  }
  const copy = (tensors: Map<string, HostTensor>, name: string) => {
    const tensor = tensors.get(name)!;
    const fresh = { ...tensor, data: tensor.data.slice() } as HostTensor;
    tensors.set(name, fresh);
    return fresh.data;
  };

  it.each([
    ['top_k_indices', 'topKIndices', 1],
    ['permute_indices_per_token', 'permuteIndicesPerToken', 1],
    ['token_nums_per_expert', 'expertOffsets', 1n],
    ['expert_scales_float', 'expertScalesFloat', 1e-5],
    ['reduce0.output', 'output', 1e-3],
  ] as const)("compare with Paddle's %s", async (name, tensor, by) => {
    const result = await run('softmax-e8-k2-f32', (tensors) => {
      const data = copy(tensors, name) as unknown as (number | bigint)[];
      data[0] = (data[0] as number) + (by as number);
    });
    // A changed scale is an input of moe_reduce too, whose fixture no longer fits it.
    expect(result.differences[0]).toMatchObject({ tensor, count: 1 });
    expect(result.differences[0].case).toContain("against Paddle's output");
  });

  it('compare rows and their hash', async () => {
    const rows = await run('softmax-e8-k2-f32', (tensors) => {
      (copy(tensors, 'permute_input') as Float32Array)[17] += 1;
    });
    expect(rows.differences).toMatchObject([{ tensor: 'permuteInput', index: [1, 1], count: 1 }]);
    const hash = await run('doc-example-softmax', (_, metadata) => {
      metadata.set('permute_input_sha256', '0'.repeat(64));
    });
    expect(hash.differences).toMatchObject([{ tensor: 'SHA-256 of permuteInput', expected: '0'.repeat(64) }]);
  });

  it('take x of 16 bits from the formula', async () => {
    const result = await run('doc-example-softmax', (_, metadata) => {
      const generator = metadata.get('x_generator')!.replace('"dtype": "float32"', '"dtype": "bfloat16"');
      metadata.set('x_generator', generator);
      metadata.delete('permute_input_sha256');
    });
    expect(result.status).toBe('passed');
  });

  it.each(OWN_FORM)('take a call of %s', async (operation, options, tensors, wrong) => {
    const load = (content: Record<string, HostTensor>) => async () =>
      writeSafetensors(
        new Map(Object.entries(content)),
        new Map([
          ['op', operation],
          ['options', JSON.stringify(options)],
        ]),
      );
    const check = async (content: Record<string, HostTensor>) => {
      const fixtures = { names: ['own'], load: load(content) };
      return (await runConformance(reference(), { fixtures, filter: 'golden/own' })).cases[0];
    };
    expect(await check(tensors)).toMatchObject({ status: 'passed', differences: [] });
    const [name] = Object.keys(wrong);
    const { differences } = await check({ ...tensors, ...wrong });
    expect(differences).toMatchObject([{ case: `${operation} against the file`, tensor: name, count: 1 }]);
  });

  it('refuse a call without outputs', () => {
    const [, options, { topKIndices }] = OWN_FORM[1];
    const metadata = new Map([
      ['op', 'planDispatch'],
      ['options', JSON.stringify(options)],
    ]);
    const bytes = writeSafetensors(new Map([['topKIndices', topKIndices]]), metadata);
    expect(() => parseGolden(bytes, 'plan')).toThrow(
      'none of the outputs tokenNumsPerExpert, expertOffsets,',
    );
  });

  it('fail on a file that is not safetensors', async () => {
    const report = await runConformance(reference(), {
      fixtures: { names: ['broken'], load: async () => new Uint8Array(20).fill(1) },
      filter: 'golden/',
    });
    expect(report.cases[0]).toMatchObject({ status: 'failed', error: { name: 'SafetensorsError' } });
    expect(report.cases[0].error?.message).toContain('broken.safetensors, byte 0');
  });
});
