import { type Shape, shape } from './shapes.js';

export type FloatDType = 'float32' | 'float16' | 'bfloat16';
/** In times memcpy, with one thread and with two. */
export type Goals = readonly [number, number];

/** A row of the table. */
export interface Case {
  size: Shape;
  dtype: FloatDType;
  /** Choose by sigmoid and a bias, not by a plain softmax. */
  biased: boolean;
  dispatch: Goals | undefined;
  reduce: Goals | undefined;
}

/** What issue 13 sets as goals. */
const SIZES: {
  size: Shape;
  float32?: Goals;
  bfloat16?: Goals;
  /** Whether it is one of the larger shapes, for which there are goals of moeReduce. */
  large?: boolean;
  biased?: boolean;
}[] = [
  { size: shape(1, 4096, 8, 2), float32: [3, 3] },
  { size: shape(64, 7168, 256, 8), float32: [1.4, 0.9] },
  { size: shape(1280, 768, 48, 6), float32: [1.6, 1.2] },
  { size: shape(4096, 4096, 8, 2), float32: [0.95, 0.75], large: true },
  { size: shape(4096, 2048, 128, 8), float32: [1.25, 0.9], bfloat16: [1.5, 1.05], large: true },
  { size: shape(16384, 1024, 64, 6), float32: [1.25, 0.9], large: true },
  { size: shape(8192, 64, 64, 6), float32: [14, 9] },
  { size: shape(8192, 64, 64, 6), biased: true },
];
const REDUCE_GOALS: Record<FloatDType, Goals> = {
  float32: [1.6, 1.1],
  float16: [3.5, 2],
  bfloat16: [3.5, 2],
};

export const CASES: readonly Case[] = (['float32', 'bfloat16', 'float16'] as const).flatMap((dtype) =>
  SIZES.map(({ size, large, biased = false, ...goals }) => ({
    size,
    dtype,
    biased,
    dispatch: dtype === 'float16' ? undefined : goals[dtype],
    reduce: large ? REDUCE_GOALS[dtype] : undefined,
  })),
);
