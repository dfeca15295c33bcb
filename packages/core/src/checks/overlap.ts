import { invalid } from '../errors.js';
import type { Request } from '../operations/inputs.js';
import type { TensorName } from '../operations/table.js';
import type { Tensor } from '../tensor.js';

/**
 * Throws BUFFER_OVERLAP if an output shares bytes with an input or with another output.
 * @param outputs how many of `tensors`, from the first on, are outputs; the rest are inputs.
 * @param found where to put the tensors: an array that a prepared operation keeps, so that its runs make no garbage.
 */
export function checkOverlap(
  { call, names }: Request,
  tensors: readonly TensorName[],
  outputs: number,
  found: (Tensor | null)[] = [],
): void {
  for (let i = 0; i < tensors.length; i++) found[i] = call[tensors[i]];
  for (let i = 0; i < outputs; i++) {
    const output = found[i]!;
    if (output.byteLength === 0) continue;
    for (let j = i + 1; j < tensors.length; j++) {
      const other = found[j];
      // What a backend allocates is apart.
      const apart = other !== output && !output.borrowed && !other?.borrowed;
      if (apart || other === null || !overlap(output, other)) continue;
      const bytes = `bytes that ${names[tensors[j]]} also uses`;
      throw invalid('BUFFER_OVERLAP', names[tensors[i]], bytes, 'memory of its own');
    }
  }
}

function overlap({ memory, byteOffset, byteLength }: Tensor, other: Tensor): boolean {
  return (
    other.byteOffset < byteOffset + byteLength &&
    byteOffset < other.byteOffset + other.byteLength &&
    other.byteLength > 0 &&
    (memory === other.memory || isSameMemory(memory, other.memory, byteOffset))
  );
}

/**
 * Two SharedArrayBuffers can be one memory, after a `structuredClone`, and nothing but a write shows it. It goes to a
 * byte of the output, which is about to be overwritten.
 */
function isSameMemory(output: unknown, other: unknown, byteOffset: number): boolean {
  if (!isShared(output) || !isShared(other) || output.byteLength !== other.byteLength) return false;
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
