import { type Command, Commands, type Range } from './commands.js';
import type { DeviceContext } from './device-context.js';
import { isOutput, type Kernel, wordsPerElement } from './kernel.js';
import type { Program } from './programs.js';
import type { Launch, Memory, Schedule } from './schedule.js';
import { type BoundRange, bindSegment, type Segment } from './segments.js';
import { UNIFORM_STRIDE } from './uniforms.js';
import type { Workspace } from './workspace.js';

interface Bound extends BoundRange {
  readonly name: string;
  readonly output: boolean;
  readonly buffer: GPUBuffer;
}

/**
 * Gives a schedule its buffers.
 * @param tensors those of the call, by name.
 */
export function bindSchedule(
  context: DeviceContext,
  schedule: Schedule,
  tensors: object,
  workspace: Workspace,
): Commands {
  return new Commands(new Binder(context, schedule, tensors as Tensors, workspace).finish(), workspace);
}

type Tensors = Readonly<Record<string, { readonly buffer: GPUBuffer }>>;

/** A launch whose uniforms are still to be made, for all launches at once. */
interface PendingLaunch {
  readonly kind: 'launch';
  readonly step: Launch;
  readonly program: Program;
  readonly bound: readonly Bound[];
  readonly uniforms: readonly number[];
}

class Binder {
  readonly #commands: (PendingLaunch | Exclude<Command, { kind: 'launch' }>)[] = [];
  readonly #context: DeviceContext;
  readonly #tensors: Tensors;
  readonly #workspace: Workspace;
  readonly #workspaces: readonly GPUBuffer[];

  constructor(context: DeviceContext, schedule: Schedule, tensors: Tensors, workspace: Workspace) {
    this.#context = context;
    this.#tensors = tensors;
    this.#workspace = workspace;
    this.#workspaces = schedule.workspaces.map((bytes) => workspace.take(bytes));
    for (const step of schedule.steps) {
      if (step.kind === 'launch') this.#launch(step);
      else if (step.kind === 'clear') {
        const { memory, byteOffset: offset, byteLength: bytes } = step.view;
        this.#commands.push({ kind: 'clear', range: { buffer: this.#bufferOf(memory), offset }, bytes });
      } else this.#copy(this.#rangeOf(step.from), this.#rangeOf(step.to), step.from.count * 4);
    }
  }

  finish(): Command[] {
    const launches = this.#commands.filter((command) => command.kind === 'launch');
    if (launches.length === 0) return this.#commands as Command[];
    const buffer = this.#context.uniforms.get(launches.map(({ uniforms }) => uniforms));
    let offset = -UNIFORM_STRIDE;
    return this.#commands.map((command) => {
      if (command.kind !== 'launch') return command;
      offset += UNIFORM_STRIDE;
      return this.#boundLaunch(command, {
        buffer,
        offset,
        size: Math.ceil(command.uniforms.length / 4) * 16,
      });
    });
  }

  #boundLaunch({ step, program, bound }: PendingLaunch, uniforms: GPUBufferBinding): Command {
    const resources = [uniforms, ...bound.map(({ buffer, offset, size }) => ({ buffer, offset, size }))];
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    const bindGroup = this.#context.device.createBindGroup({ layout: program.layout, entries });
    return { kind: 'launch', program, bindGroup, x: step.x, y: step.y };
  }

  #launch(step: Launch): void {
    const { kernel, bindings, params } = step;
    const copiesBack: (() => void)[] = [];
    const bound = this.#bind(kernel, bindings, copiesBack);
    const shared = bound.filter((a) => !a.output && bound.some((b) => b.output && a.buffer === b.buffer));
    const program = this.#context.programs.get(
      kernel,
      shared.map(({ name }) => name),
    );
    const ofBuffers = bound.flatMap(({ name, shift }) => {
      const { first, count } = bindings[name]!;
      return [shift, first, count].map((words) => words / wordsPerElement(kernel.storage[name]));
    });
    this.#commands.push({ kind: 'launch', step, program, bound, uniforms: [...params, ...ofBuffers] });
    for (const copyBack of copiesBack) copyBack();
  }

  /**
   * Binds the segments. WebGPU refuses a launch in which a binding that is written overlaps another, and aligned
   * bindings of neighbours in one buffer do overlap: such a one is bound as a copy.
   */
  #bind(kernel: Kernel, bindings: Launch['bindings'], copiesBack: (() => void)[]): Bound[] {
    const alignment = this.#context.limits.minStorageBufferOffsetAlignment;
    const names = Object.keys(kernel.storage);
    const bufferOf = (name: string) => this.#bufferOf(bindings[name]!.view.memory);
    const written = new Set(names.filter((name) => isOutput(kernel.storage[name])).map(bufferOf));
    const bound: Bound[] = [];
    for (const name of names) {
      const segment = bindings[name]!;
      const output = isOutput(kernel.storage[name]);
      const buffer = bufferOf(name);
      let binding = { name, output, buffer, ...bindSegment(segment, alignment) };
      const clash = bound.some((other) => rangesOverlap(other, binding));
      if (clash && written.has(buffer))
        binding = { name, output, ...this.#stage(segment, output, copiesBack) };
      bound.push(binding);
    }
    return bound;
  }

  #stage(segment: Segment, output: boolean, copiesBack: (() => void)[]): BoundRange & Range {
    const size = segment.count * 4;
    const original = this.#rangeOf(segment);
    const copy = { buffer: this.#workspace.take(size), offset: 0 };
    // An output too: a kernel may write a part of it.
    this.#copy(original, copy, size);
    if (output) copiesBack.push(() => this.#copy(copy, original, size));
    return { ...copy, size, shift: -segment.first };
  }

  #copy(from: Range, to: Range, bytes: number): void {
    this.#commands.push({ kind: 'copy', from, to, bytes });
  }

  #rangeOf({ view, first }: Segment): Range {
    return { buffer: this.#bufferOf(view.memory), offset: view.byteOffset + first * 4 };
  }

  #bufferOf(memory: Memory): GPUBuffer {
    return typeof memory === 'number' ? this.#workspaces[memory] : this.#tensors[memory].buffer;
  }
}

function rangesOverlap(a: Range & BoundRange, b: Range & BoundRange): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}
