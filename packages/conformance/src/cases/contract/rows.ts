import { DTYPES, type DType, moeDispatch } from '@moe-dispatch/core';
import { checkDispatchOf } from '../../checks.js';
import type { ConformanceCase } from '../conformance-case.js';
import { drawn, MODES, Random, randomRows } from '../data.js';
import { dispatchCase } from './dispatch-case.js';

/** Row widths around words of 2, 4, 8 and 16 bytes. */
const WIDTHS = [1, 2, 3, 5, 8, 17, 64, 1021];
const TOKEN_COUNTS = [1, 2, 31, 32, 33, 64, 127, 128, 129, 255, 256, 257, 1023, 1024, 1025];

/** Rows of every dtype and width, moved as bytes; numbers of tokens; empty sizes; three dimensions. */
export function rowCases(): ConformanceCase[] {
  const dtypes = Object.keys(DTYPES) as DType[];
  const rows = dtypes.flatMap((dtype) =>
    WIDTHS.map((hidden) =>
      dispatchCase(`rows/dtype=${dtype},d=${hidden}`, (random) => ({
        x: randomRows(random, dtype, [13, hidden]),
        gatingOutput: drawn('float32', [13, 5], () => random.normal()),
        moeTopk: 2,
      })),
    ),
  );
  const tokens = TOKEN_COUNTS.map((count) =>
    dispatchCase(`tokens/t=${count}`, (random) => ({
      x: randomRows(random, 'float32', [count, 3]),
      gatingOutput: drawn('float32', [count, 8], () => random.normal()),
      moeTopk: 2,
    })),
  );
  return [
    ...rows,
    ...nanPayloadCases(),
    ...tokens,
    // As many pairs as a warp has lanes, in rows of whole vectors.
    dispatchCase('rows/t=4,e=64,k=8', (random) => ({
      x: randomRows(random, 'float32', [4, 64]),
      gatingOutput: drawn('float32', [4, 64], () => random.normal()),
      moeTopk: 8,
    })),
    ...emptyCases(),
    ...largeCases(),
    largeTwiceCase(),
    shapeCase(),
  ];
}

/** NaNs whose bits an engine or a float copy may change: signalling ones, and payloads with either sign. */
function nanPayloadCases(): ConformanceCase[] {
  const words = {
    float32: [0x7f800001, 0xff800001, 0x7fa5a5a5, 0x7fc00000, 0xffc12345, 0x7fffffff, 0x80000000, 0x00000001],
    float16: [0x7c01, 0xfc01, 0x7d55, 0x7e00, 0xfe12, 0x7fff, 0x8000, 0x0001],
    bfloat16: [0x7f81, 0xff81, 0x7fa5, 0x7fc0, 0xffc1, 0x7fff, 0x8000, 0x0001],
  } as const;
  return (['float32', 'float16', 'bfloat16'] as const).map((dtype) =>
    dispatchCase(`rows/nan-payloads,dtype=${dtype}`, (random) => {
      const x = randomRows(random, dtype, [9, 7]);
      const bits = dtype === 'float32' ? new Uint32Array(x.data.buffer) : x.data;
      for (let i = 0; i < bits.length; i++) bits[i] = random.pick<number>(words[dtype]);
      return { x, gatingOutput: drawn('float32', [9, 4], () => random.normal()), moeTopk: 3 };
    }),
  );
}

function emptyCases(): ConformanceCase[] {
  const sizes = [
    { tokens: 0, hidden: 4 },
    { tokens: 5, hidden: 0 },
    { tokens: 0, hidden: 0 },
  ];
  return MODES.flatMap(({ name, mode }) =>
    sizes.map(({ tokens, hidden }) =>
      dispatchCase(`empty/t=${tokens},d=${hidden},${name}`, (random) => ({
        x: randomRows(random, 'float32', [tokens, hidden]),
        gatingOutput: drawn('float32', [tokens, 6], () => random.normal()),
        moeTopk: 3,
        ...mode,
      })),
    ),
  );
}

function largeCases(): ConformanceCase[] {
  return [
    dispatchCase('large/t=5000,e=64,k=6', (random) => ({
      x: randomRows(random, 'float32', [5000, 8]),
      gatingOutput: drawn('float32', [5000, 64], () => random.normal()),
      moeTopk: 6,
    })),
    dispatchCase('large/t=5000,e=64,k=6,one-expert-takes-all', (random) => ({
      x: randomRows(random, 'float32', [5000, 8]),
      gatingOutput: drawn('float32', [5000, 64], (i) => (i % 64 === 41 ? 100 : random.normal())),
      moeTopk: 6,
    })),
    dispatchCase('large/t=4099,e=256,k=8', (random) => ({
      x: randomRows(random, 'bfloat16', [4099, 5]),
      gatingOutput: drawn('float32', [4099, 256], () => random.uniform()),
      moeTopk: 8,
      groupMoe: true,
    })),
    dispatchCase('large/t=40000,e=3,k=1', (random) => ({
      x: randomRows(random, 'int8', [40000, 3]),
      gatingOutput: drawn('float32', [40000, 3], () => random.normal()),
      moeTopk: 1,
      topkOnlyMode: true,
    })),
    // More tokens, and rows, than a uint16 counts and than WebGPU starts workgroups in one dimension.
    dispatchCase('large/t=66000,e=4,k=2', (random) => ({
      x: randomRows(random, 'bfloat16', [66_000, 3]),
      gatingOutput: drawn('float32', [66_000, 4], () => random.normal()),
      moeTopk: 2,
    })),
    // Rows so many and so long that a GPU copies more than a word of a row with each lane.
    dispatchCase('large/t=4300,d=1024', (random) => ({
      x: randomRows(random, 'bfloat16', [4300, 1024]),
      gatingOutput: drawn('float32', [4300, 8], () => random.normal()),
      moeTopk: 2,
    })),
    dispatchCase('large/d=20011', (random) => ({
      x: randomRows(random, 'float32', [5, 20_011]),
      gatingOutput: drawn('float32', [5, 6], () => random.normal()),
      moeTopk: 2,
    })),
  ];
}

/** Scratch memory that a dispatch leaves behind must not show in the next. */
function largeTwiceCase(): ConformanceCase {
  const id = 'generated/large/twice';
  return {
    id,
    run: async (session) => {
      session.requireOperations('moeDispatch');
      session.requireSizes({ numExperts: 8, topK: 7, tokens: 512, hidden: 1024 });
      const random = new Random(id);
      const x = drawn('float32', [512, 1024], (i) => i);
      const gatingOutput = () => drawn('float32', [512, 8], () => random.normal());
      const tensors = [session.upload(x), session.upload(gatingOutput())];
      session.keep(moeDispatch(tensors[0], tensors[1], { moeTopk: 7 })).dispose();
      await checkDispatchOf(session, 'the second dispatch', { x, gatingOutput: gatingOutput(), moeTopk: 7 });
    },
  };
}

/** [B, S, D] and [B, S, E] count as [B·S, ...], each on its own; an empty batch is valid. */
function shapeCase(): ConformanceCase {
  const id = 'generated/shapes/three-dimensions';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const shapes = [
        { x: [2, 3, 5], gatingOutput: [2, 3, 8] },
        { x: [3, 2, 5], gatingOutput: [6, 8] },
        { x: [6, 5], gatingOutput: [1, 6, 8] },
        { x: [0, 3, 5], gatingOutput: [3, 0, 8] },
        { x: [2, 3, 0], gatingOutput: [6, 8] },
      ];
      for (const { x, gatingOutput } of shapes) {
        await checkDispatchOf(session, `x [${x.join(', ')}], gating [${gatingOutput.join(', ')}]`, {
          x: randomRows(random, 'float32', x),
          gatingOutput: drawn('float32', gatingOutput, () => random.normal()),
          moeTopk: 3,
        });
      }
    },
  };
}
