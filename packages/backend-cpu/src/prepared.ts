import { type DispatchCall, DTYPES, type PrepareCall, PreparedDispatch } from '@moe-dispatch/core';
import type { CpuBackend } from './backend.js';
import { PermuteScratch, writesInOrder } from './permute.js';
import type { CpuTensor } from './tensor.js';
import type { Workspace } from './workspace.js';

/**
 * moeDispatch with scratch memory of its own. The first run with an x of long rows makes a view of each row, which
 * stays with x's memory; every later run with that memory allocates nothing.
 */
export class CpuPreparedDispatch extends PreparedDispatch<CpuTensor> {
  override readonly workspaceBytes: number;
  private readonly cpu: CpuBackend;
  private scratch: { workspace: Workspace; permute: PermuteScratch } | null;

  constructor(backend: CpuBackend, call: PrepareCall, workspace: Workspace) {
    super(backend, call);
    this.cpu = backend;
    const permute = new PermuteScratch();
    if (writesInOrder(call, call.hidden * DTYPES[call.dtype].bytes)) permute.reserve(call.topK * call.tokens);
    this.scratch = { workspace, permute };
    this.workspaceBytes = workspace.byteLength + permute.byteLength;
  }

  protected override execute(call: DispatchCall<CpuTensor>): void {
    const { workspace, permute } = this.scratch!;
    this.cpu.dispatchWith(call, workspace, permute);
  }

  protected override release(): void {
    this.scratch = null;
  }
}
