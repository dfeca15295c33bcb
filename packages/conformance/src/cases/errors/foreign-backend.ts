import { Backend, type BackendInfo, DTYPES, type DType, Tensor } from '@moe-dispatch/core';

/** A backend that computes nothing: its tensors are those "of another backend". */
export class ForeignBackend extends Backend {
  readonly info: BackendInfo = {
    name: 'foreign',
    device: 'none',
    dtypes: Object.keys(DTYPES) as DType[],
    limits: { maxTensorBytes: 1024, maxExperts: 8 },
  };

  override allocate(shape: readonly number[], dtype: DType, byteLength: number): Tensor {
    return new ForeignTensor(this, shape, dtype, byteLength, false);
  }

  override upload(): void {}
  override shutdown(): void {}

  override pooledBytes(): number {
    return 0;
  }

  override adopt = unreachable;
  override route = unreachable;
  override plan = unreachable;
  override permute = unreachable;
  override reduce = unreachable;
  override prepare = unreachable;
}

class ForeignTensor extends Tensor {
  override readonly memory = this;
  override readonly byteOffset = 0;
  override readonly capacity = Number.POSITIVE_INFINITY;
  protected override download = unreachable;
  protected override release(): void {}
}

function unreachable(): never {
  throw new Error('the foreign backend was asked to compute');
}
