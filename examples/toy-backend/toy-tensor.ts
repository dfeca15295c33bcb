import * as core from '@moe-dispatch/core';

export type Bytes = Uint8Array<ArrayBuffer>;

/** A tensor is bytes in JavaScript memory; freeing them is the garbage collector's business. */
export class ToyTensor extends core.Tensor {
  override readonly memory: ArrayBuffer;
  override readonly byteOffset: number;
  readonly bytes: Bytes;

  constructor(
    backend: core.Backend,
    shape: readonly number[],
    dtype: core.DType,
    bytes: Bytes,
    borrowed: boolean,
  ) {
    super(backend, shape, dtype, bytes.length, borrowed);
    this.bytes = bytes;
    this.memory = bytes.buffer;
    this.byteOffset = bytes.byteOffset;
  }

  /** Not byteLength: the owner of borrowed memory may have detached it. */
  override get capacity(): number {
    return this.bytes.length;
  }

  protected override async download(): Promise<ArrayBuffer> {
    return this.bytes.slice().buffer;
  }

  protected override release(): void {}
}

/** The elements of a float tensor: its memory where it is float32, else a widened copy. */
export function floats({ dtype, bytes }: ToyTensor): Float32Array {
  if (dtype === 'float32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  return dtype === 'float16' ? core.float16ToFloat32(words) : core.bfloat16ToFloat32(words);
}

/** The memory of an int32 tensor. */
export function ints({ bytes }: ToyTensor): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** Rounds values to the tensor's dtype, once. */
export function store(values: Float32Array, { dtype, bytes }: ToyTensor): void {
  if (dtype === 'float32') bytes.set(new Uint8Array(values.buffer));
  else
    bytes.set(
      new Uint8Array((dtype === 'float16' ? core.float32ToFloat16 : core.float32ToBfloat16)(values).buffer),
    );
}
