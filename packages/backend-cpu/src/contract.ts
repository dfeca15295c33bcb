import {
  type ArrayOf,
  type Backend,
  DTYPES,
  type DType,
  type OperationName,
  type Prepared,
  ResourceError,
} from '@moe-dispatch/core';
import {
  type BackendContract,
  checkArrayType,
  invalid,
  type Operations,
  type Spec,
  type TensorSpec,
  viewOf,
} from '@moe-dispatch/core/backend';
import { MemoryBlock } from './memory-block.js';
import { MemoryPool } from './memory-pool.js';
import { cpuOperations } from './operations.js';
import { CpuPrepared } from './prepared.js';
import type { SimdRouter } from './simd-route.js';
import { CpuTensor } from './tensor.js';
import { Workspace } from './workspace.js';

/** Beyond it, choosing many of a token's experts would take seconds. */
const MAX_EXPERTS = 2 ** 16;

/** What the CPU backend does for core. Every operation is done when it returns. */
export class CpuContract implements BackendContract<CpuTensor, ArrayBufferView> {
  readonly name = 'cpu';
  readonly device: string;
  readonly dtypes = Object.keys(DTYPES) as DType[];
  readonly limits = { maxTensorBytes: Number.MAX_SAFE_INTEGER, maxExperts: MAX_EXPERTS };
  readonly operations: Operations<CpuTensor>;
  readonly #router: SimdRouter | null;
  readonly #pool = new MemoryPool();

  /** @param router null to route in JavaScript. */
  constructor(router: SimdRouter | null) {
    this.#router = router;
    this.device = `JavaScript, one thread, routing in ${router === null ? 'JavaScript' : 'WebAssembly SIMD'}`;
    this.operations = cpuOperations(router, new Workspace());
  }

  allocate(spec: TensorSpec): CpuTensor {
    const block = this.#pool.acquire(spec.byteLength);
    try {
      return new CpuTensor(spec, block, this.#pool);
    } catch (cause) {
      this.#pool.release(block);
      throw beyondEngine(spec, cause);
    }
  }

  upload(tensor: CpuTensor, data: ArrayOf<DType>): void {
    (tensor.padded as Int32Array).set(data as Int32Array);
  }

  /** Borrows a typed array of the dtype (16-bit floats: `Uint16Array`, or `Float16Array`), as long or longer. */
  adopt(native: ArrayBufferView, spec: TensorSpec, byteOffset: number): CpuTensor {
    const { dtype, byteLength, shape } = spec;
    checkArrayType('native', native, dtype);
    const view = viewOf(native);
    if (view.byteLength < byteOffset + byteLength) {
      throw invalid(
        'BUFFER_TOO_SMALL',
        'native',
        `a ${DTYPES[dtype].ArrayType.name} of ${view.byteLength} bytes`,
        `at least ${byteOffset + byteLength} bytes for shape [${shape.join(', ')}] of ${dtype}`,
      );
    }
    // An empty array can have lost its memory, and needs none.
    const block =
      byteLength === 0
        ? new MemoryBlock(new ArrayBuffer(0), 0, 0)
        : new MemoryBlock(view.buffer, view.byteOffset + byteOffset, byteLength);
    return new CpuTensor(spec, block);
  }

  pooledBytes(): number {
    return this.#pool.pooledBytes;
  }

  shutdown(): void {
    this.#pool.close();
  }

  prepare<Op extends OperationName>(
    backend: Backend<CpuTensor, ArrayBufferView>,
    operation: Op,
    spec: Spec<Op>,
  ): Prepared<Op, CpuTensor> {
    return new CpuPrepared(backend, operation, spec, this.#router);
  }
}

function beyondEngine({ shape, dtype }: TensorSpec, cause: unknown): ResourceError {
  return new ResourceError('LIMIT_EXCEEDED', {
    argument: 'shape',
    found: `[${shape.join(', ')}]`,
    expected: `what this JavaScript engine allows a ${DTYPES[dtype].ArrayType.name}`,
    cause,
  });
}
