import { Backend, type BackendInfo, DTYPES, type DType, PreparedDispatch, Tensor } from '../src/index.js';

/** Memory that only has a name and a range. */
export class StubTensor extends Tensor {
  declare readonly tensorClass?: StubTensor;
  override readonly memory: unknown = {};
  override readonly byteOffset = 0;
  override readonly capacity = this.byteLength;
  released = 0;

  protected override async download(): Promise<ArrayBuffer> {
    return new ArrayBuffer(this.byteLength);
  }

  protected override release(): void {
    this.released += 1;
  }
}

class StubPrepared extends PreparedDispatch<StubTensor> {
  override readonly workspaceBytes = 0;
  protected override execute(): void {}
  protected override release(): void {}
}

/** A backend that records which kernels core calls, and fails on request: for tests of core alone. */
export class StubBackend extends Backend<StubTensor> {
  override readonly info: BackendInfo = {
    name: 'stub',
    device: 'none',
    dtypes: Object.keys(DTYPES) as DType[],
    limits: { maxTensorBytes: 2 ** 40, maxExperts: 64 },
  };
  readonly calls: string[] = [];
  readonly made: StubTensor[] = [];
  /** Throws at the allocation with this number, from 1. */
  failAtAllocation = 0;
  /** Thrown by the kernel of this name. */
  failingKernel = '';

  override allocate(shape: readonly number[], dtype: DType, byteLength: number): StubTensor {
    if (this.made.length + 1 === this.failAtAllocation) throw new Error('no memory');
    const tensor = new StubTensor(this, shape, dtype, byteLength, false);
    this.made.push(tensor);
    return tensor;
  }

  override upload(): void {}

  override adopt(_native: never, shape: readonly number[], dtype: DType, byteLength: number): StubTensor {
    return new StubTensor(this, shape, dtype, byteLength, true);
  }

  override pooledBytes(): number {
    return 0;
  }

  override shutdown(): void {}

  override route(): void {
    this.record('route');
  }

  override plan(): void {
    this.record('plan');
  }

  override permute(): void {
    this.record('permute');
  }

  override reduce(): void {
    this.record('reduce');
  }

  override prepare(call: ConstructorParameters<typeof StubPrepared>[1]): StubPrepared {
    return new StubPrepared(this, call);
  }

  private record(kernel: string): void {
    if (kernel === this.failingKernel) throw new Error(`${kernel} failed`);
    this.calls.push(kernel);
  }
}
