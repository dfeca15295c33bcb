import { cpu } from '@moe-dispatch/backend-cpu';
import { WebGpuBackend, webgpu } from '@moe-dispatch/backend-webgpu';
import { type Backend, type SkippedBackend, selectBackend } from '@moe-dispatch/core';

export interface OpenBackends {
  /** The best one here. */
  readonly backend: Backend;
  readonly skipped: readonly SkippedBackend[];
  /** What the best one is compared with; the same one where there is no other. */
  readonly cpu: Backend;
}

/** WebGPU if the browser has it, and the CPU. */
export class Backends {
  private opened: Promise<OpenBackends> | undefined;

  /** The same backends each time, until a device is lost. */
  open(): Promise<OpenBackends> {
    this.opened ??= this.select();
    return this.opened;
  }

  private async select(): Promise<OpenBackends> {
    const backend = await selectBackend([webgpu(), cpu()]);
    const { skipped } = backend;
    if (!(backend instanceof WebGpuBackend)) return { backend, skipped, cpu: backend };
    backend.lost.then(() => {
      this.opened = undefined;
    });
    return { backend, skipped, cpu: await selectBackend([cpu()]) };
  }
}
