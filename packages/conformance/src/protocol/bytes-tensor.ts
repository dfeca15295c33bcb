import { type ArrayOf, DTYPES, type DType, Tensor } from '@moe-dispatch/core';
import type { TensorSpec } from '@moe-dispatch/core/backend';

/** Bytes in JavaScript memory. */
export class BytesTensor extends Tensor {
  readonly bytes: Uint8Array<ArrayBuffer>;
  override readonly byteOffset = 0;

  constructor(spec: TensorSpec) {
    super(spec);
    this.bytes = new Uint8Array(spec.byteLength);
  }

  /** A copy of the elements. */
  elements(): ArrayOf<DType> {
    return new DTYPES[this.dtype].ArrayType(this.bytes.slice().buffer);
  }

  override get memory(): ArrayBuffer {
    return this.bytes.buffer;
  }

  override get capacity(): number {
    return this.bytes.length;
  }

  protected override async download(): Promise<ArrayBuffer> {
    return this.bytes.slice().buffer;
  }

  protected override release(): void {}
}
