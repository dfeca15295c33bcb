import { type DispatchCall, type PrepareCall, PreparedDispatch } from '@moe-dispatch/core';
import type { CpuBackend } from './backend.js';
import { permuteRows } from './permute.js';
import { planDispatch } from './plan.js';
import type { CpuTensor } from './tensor.js';
import { Workspace } from './workspace.js';

/** moeDispatch with scratch memory of its own. */
export class CpuPreparedDispatch extends PreparedDispatch<CpuTensor> {
  override readonly workspaceBytes: number;
  private readonly cpu: CpuBackend;
  private workspace: Workspace | null;

  constructor(backend: CpuBackend, call: PrepareCall) {
    super(backend, call);
    this.cpu = backend;
    this.workspace = new Workspace(call.numExperts);
    this.workspaceBytes = this.workspace.byteLength;
  }

  protected override execute(call: DispatchCall<CpuTensor>): void {
    this.cpu.routeWith(call, this.workspace!);
    planDispatch(call, this.workspace!);
    permuteRows(call);
  }

  protected override release(): void {
    this.workspace = null;
  }
}
