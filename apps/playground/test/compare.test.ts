import { expect, it } from 'vitest';
import { compareOutputs } from '../src/worker/compare.js';
import type { HostOutputs } from '../src/worker/run-dispatch.js';

/** Outputs of two tokens that chose one expert, as far as they are compared here. */
function outputs(rows: number[], returned: Uint32Array<ArrayBuffer>): HostOutputs {
  const float32 = (data: Float32Array<ArrayBuffer>) => ({ data, shape: [2], dtype: 'float32' });
  const out = {
    permuteInput: float32(Float32Array.from(rows)),
    returned: float32(new Float32Array(returned.buffer)),
  };
  return out as unknown as HostOutputs;
}

const NAN = 0x7fc00000;
const OTHER_NAN = 0xffc00001;

it('counts the elements that are not the same bits', () => {
  const expected = outputs([1, 0], Uint32Array.of(1, 2));
  const differing = (found: HostOutputs) =>
    compareOutputs(found, expected).map(({ name, differing }) => [name, differing]);
  expect(differing(outputs([1, 0], Uint32Array.of(1, 2)))).toEqual([
    ['permuteInput', 0],
    ['returned', 0],
  ]);
  expect(differing(outputs([1, -0], Uint32Array.of(0x101, 0x02000002)))).toEqual([
    ['permuteInput', 1],
    ['returned', 2],
  ]);
});

it('takes any NaN for a NaN that was computed', () => {
  const expected = outputs([1, 2], Uint32Array.of(NAN, 1));
  const [, any] = compareOutputs(outputs([1, 2], Uint32Array.of(OTHER_NAN, 1)), expected);
  expect(any.differing).toBe(0);
  const [, one] = compareOutputs(outputs([1, 2], Uint32Array.of(NAN, NAN)), expected);
  expect(one.differing).toBe(1);
});
