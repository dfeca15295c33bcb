import type { DType } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { compareBackends, runConformance } from '../src/index.js';
import { reference } from './reference-backend.js';
import { changeTensors, sabotaged } from './sabotage.js';

/* read() gives the typed array that core names for the dtype; the same elements in another class are a failure. */

/** A backend whose tensors of one dtype are read as `convert` makes of their bytes. */
function reading(dtype: DType, convert: (bytes: ArrayBuffer) => unknown) {
  return sabotaged((contract) =>
    changeTensors(contract, (tensor) => {
      const read = tensor.read.bind(tensor);
      if (tensor.dtype === dtype) tensor.read = async () => convert((await read()).buffer) as never;
    }),
  );
}

const asUint32 = (bytes: ArrayBuffer) => new Uint32Array(bytes);
const asInt16 = (bytes: ArrayBuffer) => new Int16Array(bytes);
const asFloat64 = (bytes: ArrayBuffer) => Float64Array.from(new Float32Array(bytes));

type Wrong = readonly [
  found: string,
  dtype: DType,
  expected: string,
  convert: (bytes: ArrayBuffer) => unknown,
  caughtBy: string,
];

const WRONG: readonly Wrong[] = [
  ['Uint32Array', 'int32', 'Int32Array', asUint32, 'generated/tokens/t=33'],
  ['Array', 'int32', 'Int32Array', (bytes) => [...new Int32Array(bytes)], 'golden/softmax-e8-k2-f32'],
  ['Undefined', 'int32', 'Int32Array', () => undefined, 'random/seed=1'],
  ['BigUint64Array', 'int64', 'BigInt64Array', (bytes) => new BigUint64Array(bytes), 'random/seed=1'],
  ['Float64Array', 'float32', 'Float32Array', asFloat64, 'generated/tokens/t=33'],
  ['Float64Array', 'float32', 'Float32Array', asFloat64, 'generated/reduce/any-rows'],
  ['Float64Array', 'float32', 'Float32Array', asFloat64, 'generated/lifetime/read-outlives-dispose'],
  ['Int16Array', 'float16', 'Uint16Array', asInt16, 'golden/softmax-e8-k2-f16'],
  ['Int16Array', 'bfloat16', 'Uint16Array', asInt16, 'generated/reduce/nan,dtype=bfloat16'],
  ['Uint8Array', 'int8', 'Int8Array', (bytes) => new Uint8Array(bytes), 'generated/rows/dtype=int8,d=3'],
];

describe('a case fails where read() gives', () => {
  it.each(WRONG)('%s for %s', async (found, dtype, expected, convert, caughtBy) => {
    const { cases } = await runConformance(reading(dtype, convert), { filter: caughtBy });
    expect(cases.map(({ id, status }) => `${id} ${status}`)).toEqual([`${caughtBy} failed`]);
    const [{ error, differences }] = cases;
    expect(error).toBeUndefined();
    expect(differences[0]).toMatchObject({
      index: [],
      expected: `${expected} of ${dtype} elements`,
      found,
      count: 1,
    });
  });
});

describe('compareBackends', () => {
  it.each([
    ['A', reading('int32', asUint32), reference()],
    ['B', reference(), reading('int32', asUint32)],
  ])('says that %s reads another class of array', async (_, a, b) => {
    const { totals, failures } = await compareBackends(a, b, { cases: 1 });
    expect(totals).toEqual({ agreed: 0, failed: 1, notClaimed: 0 });
    const { expected, found } = failures[0].differences[0];
    expect([expected, found].join()).toMatch(
      / in (Int32Array.* in Uint32Array|Uint32Array.* in Int32Array)$/,
    );
  });
});
