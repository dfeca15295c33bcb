import { ResourceError } from '@moe-dispatch/core';
import type { TensorName } from '@moe-dispatch/core/backend';
import type { DeviceLimits } from './device-limits.js';
import type { Kernel } from './kernel.js';
import type { Arithmetic } from './kernels/reduce-rows.wgsl.js';
import type { Segment, View } from './segments.js';

/** What operations need to know of the device. */
export interface DeviceTraits {
  readonly limits: DeviceLimits;
  /** Threads in a workgroup: a power of two, 256 if the device allows it. */
  readonly workgroupSize: number;
  /** Lanes of every subgroup; 0 if there are no subgroups or their size varies. */
  readonly subgroupSize: number;
  /** How far its float32 is trusted. */
  readonly arithmetic: Arithmetic;
}

/** Memory by its name: a tensor of the call, or a workspace of the schedule by its number. */
export type Memory = TensorName | number;

export interface Launch {
  readonly kind: 'launch';
  readonly kernel: Kernel;
  /** Null for what the kernel's variant does not take. */
  readonly bindings: Readonly<Record<string, Segment | null>>;
  readonly params: readonly number[];
  /** Workgroups, folded over two dimensions. */
  readonly x: number;
  readonly y: number;
}

export interface Clear {
  readonly kind: 'clear';
  readonly view: View;
}

export interface Copy {
  readonly kind: 'copy';
  readonly from: Segment;
  readonly to: Segment;
}

/** A value for each name and for no other, not even one that a spread brings in. */
type Exactly<Name extends string, Value, Given> = Readonly<Record<Name, Value>> & {
  readonly [Other in Exclude<keyof Given, Name>]: never;
};

/** What an operation does on the device for given sizes and layouts, with memory named, not bound. */
export class Schedule {
  readonly device: DeviceTraits;
  readonly steps: (Launch | Clear | Copy)[] = [];
  /** Bytes of each workspace. */
  readonly workspaces: number[] = [];

  constructor(device: DeviceTraits) {
    this.device = device;
  }

  /** Memory that the schedule needs for itself. Its content is undefined at the start. */
  workspace(byteLength: number): View {
    return { memory: this.workspaces.push(byteLength) - 1, byteOffset: 0, byteLength };
  }

  /** Fills a view, of whole words, with zeros. */
  clear(view: View): void {
    if (view.byteLength > 0) this.steps.push({ kind: 'clear', view });
  }

  /** Copies words to as many others. */
  copy(from: Segment, to: Segment): void {
    this.steps.push({ kind: 'copy', from, to });
  }

  /** Runs `workgroups`, rounded up, of a kernel, folded over two dimensions; the kernel guards the overhang. */
  launch<Binding extends string, Param extends string, Bindings, Params>(
    kernel: Kernel<Binding, Param>,
    bindings: Bindings & Exactly<NoInfer<Binding>, Segment | null, Bindings>,
    params: Params & Exactly<NoInfer<Param>, number, Params>,
    workgroups: number,
  ): void {
    const values = kernel.params.map((name) => params[name]);
    this.steps.push({
      ...{ kind: 'launch', kernel, bindings, params: values },
      ...foldGrid(Math.ceil(workgroups), this.device.limits),
    });
  }
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
