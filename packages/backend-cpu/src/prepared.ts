import { type Backend, type OperationName, Prepared } from '@moe-dispatch/core';
import type { Call, Operations, Spec } from '@moe-dispatch/core/backend';
import type { Kernels } from './kernels.js';
import { cpuOperations } from './operations.js';
import { simdRoutes } from './simd-route.js';
import type { CpuTensor } from './tensor.js';
import { Workspace } from './workspace.js';

/**
 * An operation with its own workspace. The first run with an x of long rows makes a view of each row, which stays with
 * x's memory; every later run with that memory allocates nothing.
 */
export class CpuPrepared<Op extends OperationName> extends Prepared<Op, CpuTensor> {
  readonly #workspace: Workspace;
  #operations: Operations<CpuTensor> | null;

  constructor(
    backend: Backend<CpuTensor, ArrayBufferView>,
    operation: Op,
    spec: Spec<Op>,
    kernels: Kernels | null,
  ) {
    super(backend as never, operation, spec);
    this.#workspace = new Workspace();
    const chooses = kernels === null || !simdRoutes(spec as never);
    this.#workspace.reserve(operation, spec as never, chooses);
    this.#operations = cpuOperations(kernels, this.#workspace);
  }

  override get workspaceBytes(): number {
    return this.#workspace.byteLength;
  }

  protected override execute(call: Call<Op, CpuTensor>): void {
    const run = this.#operations?.[this.operation] as ((call: Call<Op, CpuTensor>) => void) | undefined;
    run?.(call);
  }

  protected override release(): void {
    this.#operations = null;
  }
}
