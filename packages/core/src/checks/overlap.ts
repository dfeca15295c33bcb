import { invalid } from '../errors.js';
import type { Tensor } from '../tensor.js';

/**
 * Throws BUFFER_OVERLAP where an output shares bytes with an input or with another output.
 * @param outputs how many of `tensors`, from the first on, are outputs; the rest are inputs.
 */
export function checkOverlap(names: readonly string[], tensors: readonly Tensor[], outputs: number): void {
  for (let i = 0; i < outputs; i++) {
    const output = tensors[i];
    const { memory, byteOffset, byteLength } = output;
    for (let j = i + 1; j < tensors.length; j++) {
      const other = tensors[j];
      if (
        other.memory === memory &&
        other.byteOffset < byteOffset + byteLength &&
        byteOffset < other.byteOffset + other.byteLength &&
        byteLength > 0 &&
        other.byteLength > 0
      ) {
        throw invalid('BUFFER_OVERLAP', names[i], `bytes that ${names[j]} uses too`, 'memory of its own');
      }
    }
  }
}
