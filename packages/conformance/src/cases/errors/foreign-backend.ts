import { Backend, DTYPES, type DType, Tensor } from '@moe-dispatch/core';

/** A backend that computes nothing: its tensors are those "of another backend". */
export function foreignBackend(): Backend {
  return new Backend<Tensor>({
    name: 'foreign',
    device: 'none',
    dtypes: Object.keys(DTYPES) as DType[],
    limits: { maxTensorBytes: 1024, maxExperts: 8 },
    operations: {},
    allocate: (spec) => new ForeignTensor(spec),
    upload() {},
  });
}

class ForeignTensor extends Tensor {
  override readonly memory = this;
  override readonly byteOffset = 0;
  override readonly capacity = Number.POSITIVE_INFINITY;
  protected override release(): void {}

  protected override download(): never {
    throw new Error('the foreign backend was asked for data');
  }
}
