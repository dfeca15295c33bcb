import { InvalidArgumentError } from '../errors.js';
import type { Tensor } from '../tensor.js';

/**
 * Throws BUFFER_OVERLAP where an output shares bytes with an input or with another output.
 * @param outputs how many of `tensors`, from the first on, are outputs; the rest are inputs.
 */
export function checkOverlap(names: readonly string[], tensors: readonly Tensor[], outputs: number): void {
  for (let i = 0; i < outputs; i++) {
    for (let j = i + 1; j < tensors.length; j++) {
      if (overlap(tensors[i], tensors[j])) throw overlapError(names[i], tensors[i], names[j], tensors[j]);
    }
  }
}

function overlap(a: Tensor, b: Tensor): boolean {
  return (
    a.memory === b.memory &&
    a.byteOffset < b.byteOffset + b.byteLength &&
    b.byteOffset < a.byteOffset + a.byteLength &&
    a.byteLength > 0 &&
    b.byteLength > 0
  );
}

function overlapError(name: string, output: Tensor, otherName: string, other: Tensor): InvalidArgumentError {
  const range = (t: Tensor) => `bytes ${t.byteOffset} to ${t.byteOffset + t.byteLength}`;
  return new InvalidArgumentError('BUFFER_OVERLAP', {
    argument: name,
    found: `${range(output)} of the memory in which ${otherName} has ${range(other)}`,
    expected: `memory that ${otherName} does not use`,
  });
}
