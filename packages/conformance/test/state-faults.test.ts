import { DTYPES } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { runConformance } from '../src/index.js';
import type { ReferenceContract } from './reference-backend.js';
import { type AnyCall, replaceOperation, sabotaged } from './sabotage.js';

/* Faults of whole calls, in what they read and write: each with a case that must fail because of it. */

/** Does something after each call of an operation. */
function after(operation: Parameters<typeof replaceOperation>[1], spoil: (call: AnyCall) => void) {
  return (contract: ReferenceContract) =>
    replaceOperation(contract, operation, (call, original) => {
      original(call);
      spoil(call);
    });
}

const rowBytes = ({ hidden, permuteInput }: AnyCall) => hidden * DTYPES[permuteInput.dtype].bytes;

type Fault = readonly [fault: string, sabotage: (contract: ReferenceContract) => void, caughtBy: string];

const FAULTS: readonly Fault[] = [
  [
    'gating is cleaned in place',
    after('routeTokens', ({ gatingOutput }) => {
      const values = new Float32Array(gatingOutput.bytes.buffer);
      values.forEach((value, i) => {
        if (!Number.isFinite(value)) values[i] = value > 0 ? 3.4e38 : -3.4e38;
      });
    }),
    'generated/inputs/unchanged-by-moeDispatch,softmax',
  ],
  [
    'x is overwritten',
    after('permuteRows', ({ x }) => x.bytes.fill(0)),
    'generated/inputs/unchanged-by-moeDispatch,group',
  ],
  ...['ffnOut', 'expertScalesFloat', 'permuteIndicesPerToken', 'topKIndices', 'ffn2Bias'].map(
    (input): Fault => [
      `moeReduce overwrites ${input}`,
      after('moeReduce', (call) => call[input]?.bytes.fill(0)),
      'generated/inputs/unchanged-by-moeReduce',
    ],
  ),
  [
    'rows are numbered in 16 bits',
    after('planDispatch', ({ permuteIndicesPerToken }) => {
      const rows = permuteIndicesPerToken.view('int32');
      for (let i = 0; i < rows.length; i++) rows[i] &= 0xffff;
    }),
    'generated/large/t=66000,e=4,k=2',
  ],
  [
    'rows from the 65536th on are not copied',
    after('permuteRows', (call) => call.permuteInput.bytes.fill(0, 65536 * rowBytes(call))),
    'generated/large/t=66000,e=4,k=2',
  ],
  [
    'rows are cut after 64 KiB',
    after('permuteRows', (call) => {
      for (
        let end = rowBytes(call);
        end <= call.permuteInput.bytes.length && end > 65536;
        end += rowBytes(call)
      )
        call.permuteInput.bytes.fill(0, end - rowBytes(call) + 65536, end);
    }),
    'generated/large/d=20011',
  ],
  [
    'moeReduce ends at token 65535',
    after('moeReduce', ({ output, hidden }) =>
      output.bytes.fill(0, 65536 * hidden * DTYPES[output.dtype].bytes),
    ),
    'generated/reduce/dtype=float32,t=66000,d=2,e=4,k=2,bias',
  ],
  [
    'moeReduce ends at element 65535 of a row',
    after('moeReduce', ({ output, hidden }) => hidden > 65536 && output.bytes.fill(0)),
    'generated/reduce/dtype=bfloat16,t=2,d=66001,e=4,k=2,bias',
  ],
  [
    'moeReduce takes the rows of the plan, whatever its map says',
    (contract) =>
      replaceOperation(contract, 'moeReduce', (call, reduce) => {
        const { tokens, topK, topKIndices, permuteIndicesPerToken } = call;
        const pairs = Array.from(topKIndices.view('int32'), (expert, i) => ({ expert, i }));
        const map = permuteIndicesPerToken.view('int32');
        const given = map.slice();
        pairs
          .sort((a, b) => a.expert - b.expert || a.i - b.i)
          .forEach(({ i }, row) => {
            map[(i % topK) * tokens + Math.floor(i / topK)] = row;
          });
        reduce(call);
        map.set(given);
      }),
    'generated/reduce/any-rows',
  ],
  [
    'more than 8192 experts, which it claims, are too many',
    after('routeTokens', ({ numExperts, topKIndices }) => numExperts > 8192 && topKIndices.bytes.fill(0)),
    'generated/claims/most-experts',
  ],
  [
    "zeros behind a result in the caller's memory",
    after('permuteRows', ({ permuteInput: { bytes, borrowed } }) => {
      if (borrowed) new Uint8Array(bytes.buffer).fill(0, bytes.byteOffset + bytes.length);
    }),
    'generated/wrap/memory-larger-than-the-tensor',
  ],
  [
    'moeReduce keeps memory each time',
    (contract) => {
      let kept = 0;
      after('moeReduce', () => {
        kept += 64;
      })(contract);
      contract.pooledBytes = () => kept;
    },
    'generated/lifetime/memory-of-a-loop',
  ],
];

describe('the suite', () => {
  it.each(FAULTS)('notices: %s', async (_, sabotage, caughtBy) => {
    const good = await runConformance(
      sabotaged(() => {}),
      { filter: caughtBy },
    );
    expect(good.cases.map(({ id, status }) => `${id} ${status}`)).toEqual([`${caughtBy} passed`]);
    const report = await runConformance(sabotaged(sabotage), { filter: caughtBy });
    expect(report.cases.map(({ id, status }) => `${id} ${status}`)).toEqual([`${caughtBy} failed`]);
    expect(report.cases[0].differences.length).toBeGreaterThan(0);
  });
});
