import {
  type ArrayOf,
  Backend,
  type BackendFactory,
  bfloat16ToFloat32,
  DTYPES,
  type DType,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  Tensor,
} from '@moe-dispatch/core';
import {
  type BackendContract,
  checkArrayType,
  invalid,
  type Operations,
  type TensorSpec,
  viewOf,
} from '@moe-dispatch/core/backend';
import { referenceOperations } from './reference-operations.js';
import { STEPS, type Steps } from './reference-steps.js';

/** What of a backend a test may replace. */
export type Replaced = Partial<BackendContract<ReferenceTensor>>;

/** A naive backend in plain loops. Its steps can be replaced by faulty ones, to see whether the suite notices. */
export function reference(faults: Partial<Steps> = {}, replaced: Replaced = {}): BackendFactory {
  return { name: 'reference', create: () => backendOf(referenceContract(faults, replaced)) };
}

export function backendOf(contract: ReferenceContract): Backend {
  return new Backend(contract) as unknown as Backend;
}

/** Its members can be replaced, too. */
export function referenceContract(faults: Partial<Steps> = {}, replaced: Replaced = {}): ReferenceContract {
  return Object.assign(new ReferenceContract({ ...STEPS, ...faults }), replaced);
}

export class ReferenceContract implements BackendContract<ReferenceTensor, ArrayBufferView> {
  readonly name = 'reference';
  readonly device = 'test';
  readonly dtypes = Object.keys(DTYPES) as DType[];
  readonly limits: BackendContract['limits'] = { maxTensorBytes: 2 ** 30, maxExperts: 2 ** 16 };
  operations: { -readonly [Op in keyof Operations<ReferenceTensor>]: Operations<ReferenceTensor>[Op] };
  declare checkUsable?: () => void;
  declare shutdown?: () => void;
  declare pooledBytes?: () => number;
  private readonly steps: Steps;

  constructor(steps: Steps) {
    this.steps = steps;
    this.operations = referenceOperations(steps);
  }

  allocate(spec: TensorSpec): ReferenceTensor {
    return new ReferenceTensor(spec, new Uint8Array(spec.byteLength), this.steps);
  }

  upload(tensor: ReferenceTensor, data: ArrayOf<DType>): void {
    tensor.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  adopt(native: ArrayBufferView, spec: TensorSpec, byteOffset: number): ReferenceTensor {
    checkArrayType('native', native, spec.dtype);
    const view = viewOf(native);
    const needed = byteOffset + spec.byteLength;
    if (view.byteLength < needed) {
      throw invalid('BUFFER_TOO_SMALL', 'native', `${view.byteLength} bytes`, `${needed} bytes`);
    }
    const bytes = new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + byteOffset, spec.byteLength);
    return new ReferenceTensor(spec, this.steps.wrapCopies ? bytes.slice() : bytes, this.steps);
  }
}

export class ReferenceTensor extends Tensor {
  readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly steps: Steps;

  constructor(spec: TensorSpec, bytes: Uint8Array<ArrayBuffer>, steps: Steps) {
    super(spec);
    this.bytes = bytes;
    this.steps = steps;
  }

  get memory(): ArrayBuffer {
    return this.bytes.buffer;
  }

  get byteOffset(): number {
    return this.bytes.byteOffset;
  }

  get capacity(): number {
    return this.bytes.byteLength;
  }

  view<D extends DType>(dtype: D): ArrayOf<D> {
    const { ArrayType, bytes } = DTYPES[dtype];
    return new ArrayType(this.bytes.buffer, this.bytes.byteOffset, this.byteLength / bytes) as ArrayOf<D>;
  }

  floats(): Float32Array<ArrayBuffer> {
    const target = new Float32Array(this.byteLength / DTYPES[this.dtype].bytes);
    if (this.dtype === 'float16') float16ToFloat32(this.view('float16'), target);
    else if (this.dtype === 'bfloat16') bfloat16ToFloat32(this.view('bfloat16'), target);
    else target.set(this.view('float32'));
    return target;
  }

  setFloats(values: Float32Array<ArrayBuffer>): void {
    if (this.dtype === 'float16') float32ToFloat16(values, this.view('float16'));
    else if (this.dtype === 'bfloat16') float32ToBfloat16(values, this.view('bfloat16'));
    else this.view('float32').set(values);
  }

  protected async download(): Promise<ArrayBuffer> {
    return this.steps.readShares ? this.bytes.buffer : this.bytes.slice().buffer;
  }

  protected release(): void {
    if (this.steps.disposeClears) this.bytes.fill(0);
  }
}
