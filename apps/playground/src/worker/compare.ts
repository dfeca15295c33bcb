import type { HostTensor } from '@moe-dispatch/safetensors';
import type { OutputComparison } from '../protocol.js';
import { toFloat32 } from './journey.js';
import type { HostOutputs } from './run-dispatch.js';

/** A NaN in these may be any NaN. */
const COMPUTED: readonly (keyof HostOutputs)[] = ['expertScalesFloat', 'returned'];

/** Every output of one backend beside another's. */
export function compareOutputs(found: HostOutputs, expected: HostOutputs): OutputComparison[] {
  return (Object.keys(expected) as (keyof HostOutputs)[]).flatMap((name) => {
    const [a, b] = [found[name], expected[name]];
    if (a === undefined || b === undefined) return [];
    return { name, shape: b.shape, differing: countDiffering(a, b, COMPUTED.includes(name)) };
  });
}

/** Compares bits, so that -0 is not 0. */
function countDiffering(a: HostTensor, b: HostTensor, anyNaN: boolean): number {
  const size = b.data.BYTES_PER_ELEMENT;
  const bytes = ({ data }: HostTensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const [left, right] = [bytes(a), bytes(b)];
  const [found, expected] = anyNaN ? [toFloat32(a), toFloat32(b)] : [];
  let differing = Math.abs(a.data.length - b.data.length);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] === right[i]) continue;
    const element = Math.floor(i / size);
    if (!(Number.isNaN(found?.[element]) && Number.isNaN(expected?.[element]))) differing++;
    i = (element + 1) * size - 1;
  }
  return differing;
}
