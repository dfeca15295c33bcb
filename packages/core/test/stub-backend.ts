import {
  type BackendContract,
  type Call,
  OPERATIONS,
  type OperationName,
  type TensorSpec,
} from '../src/backend-authors.js';
import { Backend, DTYPES, type DType, Tensor } from '../src/index.js';

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

/** Records which operations core calls, and fails on request. */
class StubContract implements BackendContract<StubTensor, object> {
  readonly name = 'stub';
  readonly device = 'none';
  readonly dtypes = Object.keys(DTYPES) as DType[];
  readonly limits = { maxTensorBytes: 2 ** 40, maxExperts: 64 };
  readonly calls: OperationName[] = [];
  readonly seen: Call[] = [];
  readonly made: StubTensor[] = [];
  /** Throws at the allocation with this number, from 1. */
  failAtAllocation = 0;
  /** Thrown by the operation of this name. */
  failing = '';
  readonly operations: BackendContract<StubTensor>['operations'];

  constructor(implemented: readonly OperationName[]) {
    const record = (name: OperationName) => (call: unknown) => {
      if (name === this.failing) throw new Error(`${name} failed`);
      this.calls.push(name);
      this.seen.push({ ...(call as Call) });
    };
    this.operations = Object.fromEntries(implemented.map((name) => [name, record(name)]));
  }

  allocate(spec: TensorSpec): StubTensor {
    if (this.made.length + 1 === this.failAtAllocation) throw new Error('no memory');
    const tensor = new StubTensor(spec);
    this.made.push(tensor);
    return tensor;
  }

  upload(): void {}

  adopt(native: object, spec: TensorSpec): StubTensor {
    if ('broken' in native) throw new Error('will not do');
    return new StubTensor(spec);
  }
}

/** A backend for tests of core alone. By default its moeDispatch is the three stages in a row. */
export class StubBackend extends Backend<StubTensor, object> {
  readonly stub: StubContract;

  constructor(
    implemented: readonly OperationName[] = (Object.keys(OPERATIONS) as OperationName[]).filter(
      (name) => name !== 'moeDispatch',
    ),
  ) {
    const stub = new StubContract(implemented);
    super(stub);
    this.stub = stub;
  }
}
