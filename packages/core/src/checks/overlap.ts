import { invalid } from '../errors.js';
import type { Request } from '../operations/inputs.js';
import type { TensorName } from '../operations/table.js';

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
    const { byteOffset, byteLength, memory } = output;
    const shared = isShared(memory);
    for (let j = i + 1; j < tensors.length; j++) {
      const other = call[tensors[j]];
      if (
        other &&
        other.byteOffset < byteOffset + byteLength &&
        byteOffset < other.byteOffset + other.byteLength &&
        byteLength > 0 &&
        other.byteLength > 0 &&
        (memory === other.memory || (shared && isSameMemory(memory, other.memory, byteOffset)))
      ) {
        const found = `bytes that ${names[tensors[j]]} also uses`;
        throw invalid('BUFFER_OVERLAP', names[tensors[i]], found, 'memory of its own');
      }
    }
  }
}

/**
 * Two SharedArrayBuffers can be one memory, after a `structuredClone`, and nothing but a write shows it. It goes to a
 * byte of the output, which is about to be overwritten.
 */
function isSameMemory(output: SharedArrayBuffer, other: unknown, byteOffset: number): boolean {
  if (!isShared(other) || output.byteLength !== other.byteLength) return false;
  const bytes = new Uint8Array(output, byteOffset, 1);
  const seen = new Uint8Array(other, byteOffset, 1);
  const before = bytes[0];
  // Differs from what was seen, unless that follows.
  bytes[0] = seen[0] ^ 255;
  const same = seen[0] === bytes[0];
  bytes[0] = before;
  return same;
}

function isShared(memory: unknown): memory is SharedArrayBuffer {
  return typeof SharedArrayBuffer !== 'undefined' && memory instanceof SharedArrayBuffer;
}
