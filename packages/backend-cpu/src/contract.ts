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
import type { Kernels } from './kernels.js';
import { MemoryBlock } from './memory-block.js';
import { MemoryPool } from './memory-pool.js';
import { cpuOperations } from './operations.js';
import { CpuPrepared } from './prepared.js';
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
  readonly #kernels: Kernels | null;
  readonly #pool: MemoryPool;

  /** @param kernels null to compute in JavaScript. */
  constructor(kernels: Kernels | null, reason: string) {
    this.#kernels = kernels;
    this.#pool = new MemoryPool(kernels?.tensorHeap ?? null);
    this.device = describe(kernels, reason);
    this.operations = cpuOperations(kernels, new Workspace());
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
    this.#kernels?.close();
  }

  prepare<Op extends OperationName>(
    backend: Backend<CpuTensor, ArrayBufferView>,
    operation: Op,
    spec: Spec<Op>,
  ): Prepared<Op, CpuTensor> {
    return new CpuPrepared(backend, operation, spec, this.#kernels);
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

function describe(kernels: Kernels | null, reason: string): string {
  if (kernels === null) return 'JavaScript, 1 thread';
  const { threads } = kernels;
  return `WebAssembly SIMD, ${threads} thread${threads === 1 ? reason : 's'}`;
}
