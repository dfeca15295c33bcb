import { describe, expect, it } from 'vitest';
import { type CaseResult, NoCaseError } from '../src/index.js';
import { describeBackend } from '../src/vitest.js';
import { reference } from './reference-backend.js';

const results: CaseResult[] = [];
describeBackend(reference(), { filter: 'rows/dtype=int8', onCase: (result) => results.push(result) });

describe('describeBackend', () => {
  it('ran every case that the filter chose', () => {
    expect(results.map(({ status }) => status)).toEqual(new Array(8).fill('passed'));
  });

  it('refuses a filter that chooses nothing', () => {
    expect(() => describeBackend(reference(), { filter: 'no such case' })).toThrow(NoCaseError);
  });
});
