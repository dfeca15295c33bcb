import { invalid } from '../errors.js';
import type { Request } from '../operations/inputs.js';
import type { TensorName } from '../operations/table.js';
import type { Tensor } from '../tensor.js';

/**
 * Throws BUFFER_OVERLAP if an output shares bytes with an input or with another output.
 * @param outputs how many of `tensors`, from the first on, are outputs; the rest are inputs.
 */
export function checkOverlap(
  { call, names }: Request,
  tensors: readonly TensorName[],
  outputs: number,
): void {
  for (let i = 0; i < outputs; i++) {
    const output = call[tensors[i]]!;
    const { byteOffset, byteLength } = output;
    for (let j = i + 1; j < tensors.length; j++) {
      const other = call[tensors[j]];
      if (
        other &&
        other.byteOffset < byteOffset + byteLength &&
        byteOffset < other.byteOffset + other.byteLength &&
        byteLength > 0 &&
        other.byteLength > 0 &&
        shareMemory(output, other)
      ) {
        const found = `bytes that ${names[tensors[j]]} also uses`;
        throw invalid('BUFFER_OVERLAP', names[tensors[i]], found, 'memory of its own');
      }
    }
  }
}

function shareMemory({ memory, byteOffset }: Tensor, { memory: other }: Tensor): boolean {
  if (memory === other) return true;
  if (typeof SharedArrayBuffer === 'undefined') return false;
  if (!(memory instanceof SharedArrayBuffer && other instanceof SharedArrayBuffer)) return false;
  return memory.byteLength === other.byteLength && isSameMemory(memory, other, byteOffset);
}

/**
 * Two SharedArrayBuffers can be one memory, after a `structuredClone`, and nothing but a write shows it. It goes to a
 * byte of the output, which is about to be overwritten.
 */
function isSameMemory(output: SharedArrayBuffer, other: SharedArrayBuffer, byteOffset: number): boolean {
  const bytes = new Uint8Array(output, byteOffset, 1);
  const seen = new Uint8Array(other, byteOffset, 1);
  const before = bytes[0];
  // Differs from what was seen, unless that follows.
  bytes[0] = seen[0] ^ 255;
  const same = seen[0] === bytes[0];
  bytes[0] = before;
  return same;
}
