import { ResourceError } from '@moe-dispatch/core';
import type { DeviceLimits } from './device-limits.js';
import type { Fault } from './faults.js';
import { isOutput, type Kernel, wordsPerElement } from './kernel.js';
import type { Arithmetic } from './kernels/reduce-rows.wgsl.js';
import type { Program, Programs } from './programs.js';
import type { Scratch } from './scratch.js';
import { bindSegment, type Segment, type SegmentBinding, type View } from './segments.js';
import type { Uniforms } from './uniforms.js';

/** What operations need to know of the device. */
export interface Device {
  readonly device: GPUDevice;
  readonly limits: DeviceLimits;
  /** Threads in a workgroup: a power of two, 256 where the device allows it. */
  readonly workgroupSize: number;
  /** Lanes of every subgroup; 0 where there are no subgroups or their size varies. */
  readonly subgroupSize: number;
  /** How far its float32 is trusted. */
  readonly arithmetic: Arithmetic;
  readonly programs: Programs;
  readonly uniforms: Uniforms;
}

type Step =
  | { kind: 'dispatch'; program: Program; bindGroup: GPUBindGroup; x: number; y: number }
  | { kind: 'clear'; view: View }
  | { kind: 'copy'; from: Range; to: Range; bytes: number };

interface Range {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

interface Bound {
  readonly name: string;
  readonly output: boolean;
  readonly binding: SegmentBinding;
}

/** The commands of one operation, bound to its tensors, ready to be recorded any number of times. */
export class Steps {
  readonly device: Device;
  private readonly scratch: Scratch;
  private readonly steps: Step[] = [];

  constructor(device: Device, scratch: Scratch) {
    this.device = device;
    this.scratch = scratch;
  }

  /** Scratch memory as a view of that many bytes. */
  workspace(byteLength: number): View {
    return { buffer: this.scratch.take(byteLength), byteOffset: 0, byteLength };
  }

  /** Fills a view, of whole words, with zeros. */
  clear(view: View): void {
    if (view.byteLength > 0) this.steps.push({ kind: 'clear', view });
  }

  copy(from: Range, to: Range, bytes: number): void {
    this.steps.push({ kind: 'copy', from, to, bytes });
  }

  /** Runs `workgroups` workgroups of a kernel, folded over two dimensions; the kernel guards the overhang. */
  dispatch(
    kernel: Kernel,
    storage: Readonly<Record<string, Segment>>,
    params: Readonly<Record<string, number>>,
    workgroups: number,
  ): void {
    const { device, limits, programs, uniforms } = this.device;
    const staged: (() => void)[] = [];
    const bound = this.bind(kernel, storage, staged);
    const shared = bound.filter((a) => !a.output && bound.some((b) => b.output && sameBuffer(a, b)));
    const program = programs.get(
      kernel,
      shared.map(({ name }) => name),
    );
    const shifts = bound.map(({ name, binding }) => binding.shift / wordsPerElement(kernel.storage[name]));
    const values = [...kernel.params.map((name) => params[name]), ...shifts];
    const resources: GPUBindingResource[] = [{ buffer: uniforms.get(values) }];
    for (const { binding } of bound) {
      resources.push({ buffer: binding.buffer, offset: binding.offset, size: binding.size });
    }
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    const bindGroup = device.createBindGroup({ layout: program.layout, entries });
    this.steps.push({ kind: 'dispatch', program, bindGroup, ...foldGrid(workgroups, limits) });
    for (const copyBack of staged) copyBack();
  }

  /** What may yet turn out wrong with the scratch memory and the shaders. */
  faults(): Fault[] {
    const faults = this.scratch.faults();
    for (const step of this.steps) {
      if (step.kind === 'dispatch' && step.program.fault !== undefined) faults.push(step.program.fault);
    }
    return faults;
  }

  /** @param descriptor of every compute pass: a label, timestamp writes. */
  encode(encoder: GPUCommandEncoder, descriptor?: GPUComputePassDescriptor): void {
    let pass: GPUComputePassEncoder | undefined;
    for (const step of this.steps) {
      if (step.kind === 'dispatch') {
        pass ??= encoder.beginComputePass(descriptor);
        pass.setPipeline(step.program.pipeline());
        pass.setBindGroup(0, step.bindGroup);
        pass.dispatchWorkgroups(step.x, step.y);
        continue;
      }
      pass?.end();
      pass = undefined;
      if (step.kind === 'clear') {
        encoder.clearBuffer(step.view.buffer, step.view.byteOffset, step.view.byteLength);
      } else {
        const { from, to, bytes } = step;
        encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, bytes);
      }
    }
    pass?.end();
  }

  /**
   * Makes the bindings. WebGPU refuses a dispatch in which a binding that is written overlaps another, and aligned
   * bindings of neighbours in one buffer do overlap: such a one is bound as a copy.
   */
  private bind(kernel: Kernel, storage: Readonly<Record<string, Segment>>, staged: (() => void)[]): Bound[] {
    const alignment = this.device.limits.minStorageBufferOffsetAlignment;
    const names = Object.keys(kernel.storage);
    const written = new Set(
      names.filter((name) => isOutput(kernel.storage[name])).map((name) => storage[name].view.buffer),
    );
    const bound: Bound[] = [];
    for (const name of names) {
      const segment = storage[name];
      const output = isOutput(kernel.storage[name]);
      let binding = bindSegment(segment, alignment);
      const clash = bound.some((other) => rangesOverlap(other.binding, binding));
      if (clash && written.has(binding.buffer)) binding = this.stage(segment, output, staged);
      bound.push({ name, output, binding });
    }
    return bound;
  }

  private stage({ view, first, count }: Segment, output: boolean, staged: (() => void)[]): SegmentBinding {
    const bytes = count * 4;
    const original = { buffer: view.buffer, offset: view.byteOffset + first * 4 };
    const copy = { buffer: this.scratch.take(bytes), offset: 0 };
    // An output too: a kernel may write a part of it.
    this.copy(original, copy, bytes);
    if (output) staged.push(() => this.copy(copy, original, bytes));
    return { ...copy, size: bytes, shift: -first };
  }
}

function sameBuffer(a: Bound, b: Bound): boolean {
  return a.binding.buffer === b.binding.buffer;
}

function rangesOverlap(a: SegmentBinding, b: SegmentBinding): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

function foldGrid(workgroups: number, limits: DeviceLimits): { x: number; y: number } {
  const maximum = limits.maxComputeWorkgroupsPerDimension;
  const x = Math.min(workgroups, maximum);
  const y = Math.ceil(workgroups / maximum);
  if (y <= maximum) return { x, y };
  throw new ResourceError('LIMIT_EXCEEDED', {
    argument: 'tokens',
    found: `a request of ${workgroups} workgroups`,
    expected: `at most maxComputeWorkgroupsPerDimension² = ${maximum ** 2}`,
  });
}
