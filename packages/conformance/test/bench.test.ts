import { ResourceError } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { dispatchRatio, reduceRatio, type Shape } from '../src/bench/bench-report.js';
import { benchHeader, benchShape } from '../src/bench/bench-shape.js';
import { medianTime } from '../src/bench/measure.js';
import { copyRows, dispatchBytes, reduceBytes, STANDARD_SHAPES } from '../src/bench/shapes.js';
import { backendOf, reference, referenceContract } from './reference-backend.js';
import { replaceOperation } from './sabotage.js';

const shape = (tokens: number, hidden: number, numExperts: number, topK: number): Shape => ({
  ...{ tokens, hidden, numExperts, topK },
});
const small = shape(8, 16, 4, 2);
const GIB = 2 ** 30;

describe('bytes', () => {
  it('are those of the floors in docs/benchmarks.md', () => {
    // 504.31 µs at 4.23 TB/s, and 449.50 µs, bfloat16.
    expect(dispatchBytes(shape(16384, 7168, 256, 8), 'bfloat16') / 4.23e6).toBeCloseTo(504.31, -1);
    expect(dispatchBytes(shape(65536, 2048, 64, 6), 'bfloat16') / 4.23e6).toBeCloseTo(449.5, -1);
    expect(dispatchBytes(small, 'float32')).toBe(8 * 16 * 4 * 3 + 8 * 4 * 4 + 8 * 2 * 12);
    expect(reduceBytes(small, 'float32')).toBe(8 * 16 * 4 * 3 + 8 * 2 * 12);
  });

  it('of the copy are as many, up to a row', () => {
    for (const size of STANDARD_SHAPES) {
      const row = size.hidden * 2;
      const copied = 2 * copyRows(size, 'bfloat16') * row;
      expect(Math.abs(copied - dispatchBytes(size, 'bfloat16'))).toBeLessThanOrEqual(row);
    }
  });

  it('make the ratios: time over that of a copy of as many bytes', () => {
    const row = {
      shape: small,
      dispatchBytes: 200,
      reduceBytes: 100,
      copyBytes: 400,
      copyMs: 4,
      dispatchMs: 6,
      reduceMs: 5,
    };
    expect([dispatchRatio(row), reduceRatio(row)]).toEqual([3, 5]);
  });
});

it('medianTime waits for all that it issued, once for many calls', async () => {
  let issued = 0;
  let done = 0;
  let waits = 0;
  const wait = async () => {
    // A device that takes a millisecond a call, and nothing to submit one.
    const until = performance.now() + (issued - done);
    while (performance.now() < until) await new Promise(setImmediate);
    done = issued;
    waits += 1;
  };
  const median = await medianTime(() => issued++, wait);
  expect(median).toBeGreaterThan(0.9);
  expect(done).toBe(issued);
  expect(issued / waits).toBeGreaterThan(2);
});

describe('benchShape', () => {
  const options = { dtype: 'float32', maxBytes: GIB } as const;

  it('compares a backend in the host memory with memcpy, and frees what it made', async () => {
    const backend = await reference().create();
    expect(benchHeader(backend).copy).toContain('memcpy');
    expect(await benchShape(backend, small, options)).toMatchObject({ row: { shape: small } });
    expect(backend.memory().liveTensors).toBe(0);
  });

  it('compares another with its own permuteRows', async () => {
    const moved = new Set<number>();
    const contract = referenceContract();
    Object.assign(contract, { adopt: undefined });
    replaceOperation(contract, 'permuteRows', (call, permute) => {
      moved.add(call.topK);
      permute(call);
    });
    const backend = backendOf(contract);
    expect(benchHeader(backend).copy).toContain('permuteRows');
    const copyBytes = 2 * copyRows(small, 'float32') * 16 * 4;
    expect(await benchShape(backend, small, options)).toMatchObject({ row: { copyBytes } });
    expect(moved).toContain(1);
  });

  it('leaves out by name what does not fit, and what fails for want of memory', async () => {
    const contract = referenceContract();
    const allocate = contract.allocate.bind(contract);
    contract.allocate = (spec) => {
      if (spec.shape[1] === 999)
        throw new ResourceError('OUT_OF_MEMORY', { argument: 'shape', found: 'x', expected: 'y' });
      return allocate(spec);
    };
    const backend = backendOf(contract);
    const { maxExperts } = backend.info.limits;
    const shapes = [shape(4096, 4096, 8, 2), shape(1, 8, maxExperts + 1, 1), shape(4, 999, 4, 2), small];
    const results: object[] = [];
    for (const each of shapes)
      results.push(await benchShape(backend, each, { ...options, maxBytes: 2 ** 20 }));
    const leftOut = (shape: Shape, reason: unknown) => ({ leftOut: { shape, reason } });
    expect(results).toEqual([
      leftOut(shapes[0], expect.stringMatching(/^needs \d+ MiB of tensors, more than 1 MiB$/)),
      leftOut(shapes[1], `${maxExperts + 1} experts; the backend's maxExperts is ${maxExperts}`),
      leftOut(shapes[2], expect.stringContaining('expected y, found x')),
      { row: expect.objectContaining({ shape: small }) },
    ]);
    expect(backend.memory().liveTensors).toBe(0);
  });
});
