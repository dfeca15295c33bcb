import type { Fault } from './faults.js';
import type { Program } from './programs.js';
import type { Workspace } from './workspace.js';

/** What an encoder takes. */
export type Command =
  | { kind: 'launch'; program: Program; bindGroup: GPUBindGroup; x: number; y: number }
  | { kind: 'clear'; range: Range; bytes: number }
  | { kind: 'copy'; from: Range; to: Range; bytes: number };

export interface Range {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** A schedule bound to its buffers, ready to be recorded any number of times. */
export class Commands {
  readonly #commands: readonly Command[];
  readonly #workspace: Workspace;

  constructor(commands: readonly Command[], workspace: Workspace) {
    this.#commands = commands;
    this.#workspace = workspace;
  }

  /** What may yet turn out wrong with the workspace and the shaders. */
  faults(): Fault[] {
    const faults = this.#workspace.faults();
    for (const command of this.#commands) {
      if (command.kind === 'launch' && command.program.fault !== undefined)
        faults.push(command.program.fault);
    }
    return faults;
  }

  /** @param descriptor of every compute pass: a label, timestamp writes. */
  encode(encoder: GPUCommandEncoder, descriptor?: GPUComputePassDescriptor): void {
    let pass: GPUComputePassEncoder | undefined;
    for (const command of this.#commands) {
      if (command.kind === 'launch') {
        pass ??= encoder.beginComputePass(descriptor);
        pass.setPipeline(command.program.pipeline());
        pass.setBindGroup(0, command.bindGroup);
        pass.dispatchWorkgroups(command.x, command.y);
        continue;
      }
      pass?.end();
      pass = undefined;
      if (command.kind === 'clear') {
        encoder.clearBuffer(command.range.buffer, command.range.offset, command.bytes);
      } else {
        const { from, to, bytes } = command;
        encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, bytes);
      }
    }
    pass?.end();
  }
}
