import {
  type ArrayOf,
  Backend,
  type BackendInfo,
  checkArrayType,
  type DispatchCall,
  DTYPES,
  type DType,
  invalid,
  type PermuteCall,
  type PlanCall,
  type PrepareCall,
  type ReduceCall,
  ResourceError,
  type RouteCall,
} from '@moe-dispatch/core';
import { Block } from './block.js';
import { checkPermutation } from './check-indices.js';
import { MemoryPool } from './memory-pool.js';
import { PermuteScratch, permuteRows } from './permute.js';
import { planDispatch } from './plan.js';
import { CpuPreparedDispatch } from './prepared.js';
import { ReduceScratch, reduceTokens } from './reduce.js';
import { routeTokens } from './route.js';
import type { SimdRouter } from './simd-route.js';
import { CpuTensor } from './tensor.js';
import { Workspace } from './workspace.js';

/** Beyond it, choosing many of a token's experts would take seconds. */
const MAX_EXPERTS = 2 ** 16;

/** Token dispatch in plain JavaScript. Every operation is done when it returns. */
export class CpuBackend extends Backend<CpuTensor, ArrayBufferView> {
  override readonly info: BackendInfo;
  private readonly router: SimdRouter | null;
  private readonly pool = new MemoryPool();
  private workspace = new Workspace(0, false);
  private reduceScratch = new ReduceScratch(0, 0);
  private readonly permuteScratch = new PermuteScratch();

  /** @param router null to route in JavaScript. */
  constructor(router: SimdRouter | null) {
    super();
    this.router = router;
    this.info = {
      name: 'cpu',
      device: `JavaScript, one thread, routing in ${router === null ? 'JavaScript' : 'WebAssembly SIMD'}`,
      dtypes: Object.keys(DTYPES) as DType[],
      limits: { maxTensorBytes: Number.MAX_SAFE_INTEGER, maxExperts: MAX_EXPERTS },
    };
  }

  override allocate(shape: readonly number[], dtype: DType, byteLength: number): CpuTensor {
    const block = this.pool.acquire(byteLength);
    try {
      block.view(dtype);
    } catch (cause) {
      this.pool.release(block);
      throw beyondEngine(shape, dtype, cause);
    }
    return new CpuTensor(this, shape, dtype, byteLength, block, false);
  }

  override upload(tensor: CpuTensor, data: ArrayOf<DType>): void {
    (tensor.array as Int32Array).set(data as Int32Array);
  }

  /** Borrows a typed array of the dtype (16-bit floats: `Uint16Array`, or `Float16Array`), as long or longer. */
  override adopt(
    native: ArrayBufferView,
    shape: readonly number[],
    dtype: DType,
    byteLength: number,
  ): CpuTensor {
    const { ArrayType } = DTYPES[dtype];
    checkArrayType('native', native, dtype);
    if (native.byteLength < byteLength) {
      throw invalid(
        'BUFFER_TOO_SMALL',
        'native',
        `a ${ArrayType.name} of ${native.byteLength} bytes`,
        `at least ${byteLength} bytes for shape [${shape.join(', ')}] of ${dtype}`,
      );
    }
    // An empty array can have lost its memory, and needs none.
    const block =
      byteLength === 0
        ? new Block(new ArrayBuffer(0), 0, 0)
        : new Block(native.buffer, native.byteOffset, native.byteLength);
    return new CpuTensor(this, shape, dtype, byteLength, block, true);
  }

  override pooledBytes(): number {
    return this.pool.pooledBytes;
  }

  override shutdown(): void {
    this.pool.close();
  }

  override route(call: RouteCall<CpuTensor>): void {
    this.routeWith(call, this.workspaceFor(call.numExperts));
  }

  override plan(call: PlanCall<CpuTensor>): void {
    planDispatch(call, this.workspaceFor(call.numExperts));
  }

  override permute(call: PermuteCall<CpuTensor>): void {
    checkPermutation(call.permuteIndicesPerToken, this.permuteScratch);
    permuteRows(call, this.permuteScratch);
  }

  override dispatch(call: DispatchCall<CpuTensor>): void {
    this.dispatchWith(call, this.workspaceFor(call.numExperts), this.permuteScratch);
  }

  override reduce(call: ReduceCall<CpuTensor>): void {
    const { topK, hidden } = call;
    if (this.reduceScratch.topK !== topK || this.reduceScratch.hidden !== hidden) {
      this.reduceScratch = new ReduceScratch(topK, hidden);
    }
    reduceTokens(call, this.reduceScratch);
  }

  override prepare(call: PrepareCall): CpuPreparedDispatch {
    return new CpuPreparedDispatch(this, call, this.newWorkspace(call.numExperts));
  }

  /** For this package: a dispatch in memory that a prepared dispatch keeps. */
  dispatchWith(call: DispatchCall<CpuTensor>, workspace: Workspace, scratch: PermuteScratch): void {
    this.routeWith(call, workspace);
    planDispatch(call, workspace);
    permuteRows(call, scratch);
  }

  private routeWith(call: RouteCall<CpuTensor>, workspace: Workspace): void {
    if (this.router === null) routeTokens(call, workspace);
    else this.router.route(call);
  }

  /** Gives a disposed tensor's memory back to the pool. */
  recycle(block: Block): void {
    this.pool.release(block);
  }

  private workspaceFor(numExperts: number): Workspace {
    if (this.workspace.numExperts !== numExperts) this.workspace = this.newWorkspace(numExperts);
    return this.workspace;
  }

  private newWorkspace(numExperts: number): Workspace {
    return new Workspace(numExperts, this.router === null);
  }
}

function beyondEngine(shape: readonly number[], dtype: DType, cause: unknown): ResourceError {
  return new ResourceError('LIMIT_EXCEEDED', {
    argument: 'shape',
    found: `[${shape.join(', ')}]`,
    expected: `what this JavaScript engine allows a ${DTYPES[dtype].ArrayType.name}`,
    cause,
  });
}
