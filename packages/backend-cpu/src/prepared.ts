import { type DispatchCall, DTYPES, type PrepareCall, PreparedDispatch } from '@moe-dispatch/core';
import type { CpuBackend } from './backend.js';
import { PermuteScratch, permuteRows, writesInOrder } from './permute.js';
import { planDispatch } from './plan.js';
import type { CpuTensor } from './tensor.js';
import { Workspace } from './workspace.js';

/** moeDispatch with scratch memory of its own. */
export class CpuPreparedDispatch extends PreparedDispatch<CpuTensor> {
  override readonly workspaceBytes: number;
  private readonly cpu: CpuBackend;
  private workspace: Workspace | null;
  private permuteScratch: PermuteScratch | null;

  constructor(backend: CpuBackend, call: PrepareCall) {
    super(backend, call);
    this.cpu = backend;
    this.workspace = new Workspace(call.numExperts);
    this.permuteScratch = new PermuteScratch();
    if (writesInOrder(call, call.hidden * DTYPES[call.dtype].bytes)) {
      this.permuteScratch.tokenOfRow(call.topK * call.tokens);
    }
    this.workspaceBytes = this.workspace.byteLength + this.permuteScratch.byteLength;
  }

  protected override execute(call: DispatchCall<CpuTensor>): void {
    this.cpu.routeWith(call, this.workspace!);
    planDispatch(call, this.workspace!);
    permuteRows(call, this.permuteScratch!);
  }

  protected override release(): void {
    this.workspace = null;
    this.permuteScratch = null;
  }
}
