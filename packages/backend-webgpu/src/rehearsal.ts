import type { Kernel } from './kernel.js';
import type { Program } from './programs.js';
import { Steps } from './steps.js';

/** Takes the steps of an operation without its tensors: allocates the scratch memory and finds the programs. */
export class Rehearsal extends Steps {
  private readonly found = new Set<Program>();

  /** Compiles the programs, without blocking. */
  async compile(): Promise<void> {
    await Promise.all([...this.found].map((program) => program.prepare()));
  }

  override dispatch(kernel: Kernel): void {
    this.found.add(this.device.programs.get(kernel, []));
  }
}
