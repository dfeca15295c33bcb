import type { OperationName } from '@moe-dispatch/core';
import { type Call, type Spec, type TensorName, tensorNames } from '@moe-dispatch/core/backend';
import { bindSchedule } from './bind-schedule.js';
import { type Tensors, typicalCall, viewsOf } from './call-tensors.js';
import type { Commands } from './commands.js';
import type { DeviceContext } from './device-context.js';
import { scheduleOf } from './operations/index.js';
import type { WebGpuTensor } from './webgpu-tensor.js';
import { KeptWorkspace } from './workspace.js';

/** Runs, each of other tensors or another number of tokens, whose commands are kept. */
const KEPT_RUNS = 32;

interface Run {
  readonly tokens: number;
  readonly memory: readonly ({ readonly buffer: GPUBuffer; readonly byteOffset: number } | null)[];
  readonly commands: Commands;
}

/** What is kept for a prepared operation: its workspace, and the commands of the last runs. */
export class PreparedRuns<Op extends OperationName> {
  readonly workspace: KeptWorkspace;
  readonly #context: DeviceContext;
  readonly #operation: Op;
  readonly #names: readonly TensorName[];
  readonly #spec: Spec<Op>;
  readonly #runs: Run[] = [];

  /** @throws ResourceError LIMIT_EXCEEDED if the device cannot take the maximum of tokens. */
  constructor(context: DeviceContext, operation: Op, spec: Spec<Op>) {
    this.#context = context;
    this.#operation = operation;
    this.#spec = spec;
    this.#names = tensorNames(operation);
    this.workspace = new KeptWorkspace(context.pool);
    for (const bytes of this.#typical(spec.tokens).workspaces) this.workspace.take(bytes);
  }

  /**
   * Compiles what runs need, without blocking, if their tensors start buffers of their own: first for the maximum of
   * tokens, then for fewer.
   */
  async compile(): Promise<void> {
    const { tokens } = this.#spec;
    await this.#compileFor([tokens]);
    await this.#compileFor(powersOfTwo(tokens));
  }

  /** The commands for these tensors: those of an earlier run with the same memory, or new ones. */
  commands(call: Call<Op, WebGpuTensor>): Commands {
    const known = this.#runs.find((run) => run.tokens === call.tokens && this.#sameMemory(run, call));
    if (known !== undefined) return known.commands;
    const schedule = scheduleOf(this.#operation, this.#context, viewsOf(this.#operation, call));
    this.workspace.restart();
    const commands = bindSchedule(this.#context, schedule, call, this.workspace);
    const memory = this.#names.map((name) => {
      const tensor = (call as Tensors<WebGpuTensor>)[name];
      return tensor ? { buffer: tensor.buffer, byteOffset: tensor.byteOffset } : null;
    });
    if (this.#runs.length === KEPT_RUNS) this.#runs.shift();
    this.#runs.push({ tokens: call.tokens, memory, commands });
    return commands;
  }

  release(): void {
    this.workspace.release();
    this.#runs.length = 0;
  }

  async #compileFor(numbers: readonly number[]): Promise<void> {
    const { programs } = this.#context;
    const steps = numbers.flatMap((tokens) => this.#typical(tokens).steps);
    const kernels = steps.flatMap((step) => (step.kind === 'launch' ? [step.kernel] : []));
    await Promise.all(kernels.map((kernel) => programs.get(kernel, []).prepare()));
  }

  #typical(tokens: number) {
    return scheduleOf(this.#operation, this.#context, typicalCall(this.#operation, this.#spec, tokens));
  }

  #sameMemory({ memory }: Run, call: object): boolean {
    return this.#names.every((name, i) => {
      const tensor = (call as Tensors<WebGpuTensor>)[name];
      return tensor?.buffer === memory[i]?.buffer && tensor?.byteOffset === memory[i]?.byteOffset;
    });
  }
}

/** Between two of these, no further variant of a kernel is launched. */
function powersOfTwo(maximum: number): number[] {
  const numbers: number[] = [];
  for (let tokens = 1; tokens < maximum; tokens *= 2) numbers.push(tokens);
  return numbers;
}
