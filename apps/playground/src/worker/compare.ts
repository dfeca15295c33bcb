import type { HostTensor } from '@moe-dispatch/safetensors';
import type { OutputComparison } from '../protocol.js';
import { isFloat, toFloat32 } from './journey.js';
import type { HostOutputs } from './run-dispatch.js';

/** Computed in floating point, so that the contract allows small differences. All others must be the same bits. */
const COMPUTED: readonly (keyof HostOutputs)[] = ['expertScalesFloat', 'returned'];

/** Every output of one backend beside another's. */
export function compareOutputs(found: HostOutputs, expected: HostOutputs): OutputComparison[] {
  return (Object.keys(expected) as (keyof HostOutputs)[]).flatMap((name) => {
    const [a, b] = [found[name], expected[name]];
    if (a === undefined || b === undefined) return [];
    const computed = COMPUTED.includes(name) && isFloat(b.dtype);
    return {
      name,
      shape: b.shape,
      differing: countDiffering(a, b),
      largestRelative: computed ? largestRelative(toFloat32(a), toFloat32(b)) : undefined,
    };
  });
}

/** Compares bits, so that NaN equals NaN and -0 is not 0. */
function countDiffering({ data: a }: HostTensor, { data: b }: HostTensor): number {
  const size = b.BYTES_PER_ELEMENT;
  const bytes = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const [left, right] = [bytes(a), bytes(b)];
  let differing = Math.abs(a.length - b.length);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] === right[i]) continue;
    differing++;
    i += size - 1 - (i % size);
  }
  return differing;
}

/** NaN where only one side is NaN. */
function largestRelative(a: Float32Array, b: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < b.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue;
    largest = Math.max(largest, Math.abs(a[i] - b[i]) / Math.abs(b[i]));
  }
  return largest;
}
