import { DeviceError } from '@moe-dispatch/core';
import { type Fault, type Faults, firstFault } from './faults.js';
import { isOutput, type Kernel, wgslModule } from './kernel.js';

/** A kernel on a device: its bind group layout at once, its pipeline when first needed. */
export interface Program {
  readonly layout: GPUBindGroupLayout;
  /** Compiles without blocking. */
  prepare(): Promise<void>;
  /** The pipeline, compiled on the spot if it must be. */
  pipeline(): GPUComputePipeline;
  /** Why it does not compile; nothing once it is known that it does. */
  readonly fault: Fault | undefined;
}

/** Compiles each kernel once, however often and in however many places it is asked for. */
export class Programs {
  private readonly device: GPUDevice;
  private readonly faults: Faults;
  private readonly workgroupSize: number;
  private readonly programs = new Map<string, Program>();

  constructor(device: GPUDevice, faults: Faults, workgroupSize: number) {
    this.device = device;
    this.faults = faults;
    this.workgroupSize = workgroupSize;
  }

  /** @param writable the inputs that share a buffer with an output of the dispatch. */
  get(kernel: Kernel, writable: readonly string[]): Program {
    const key = writable.length === 0 ? kernel.id : `${kernel.id} +${writable.join()}`;
    let program = this.programs.get(key);
    if (program === undefined) {
      program = new CompiledProgram(this.device, this.faults, kernel, this.workgroupSize, writable);
      this.programs.set(key, program);
    }
    return program;
  }
}

class CompiledProgram implements Program {
  readonly layout: GPUBindGroupLayout;
  fault: Fault | undefined;
  private readonly device: GPUDevice;
  private readonly faults: Faults;
  private readonly id: string;
  private readonly descriptor: GPUComputePipelineDescriptor;
  private compiled: GPUComputePipeline | undefined;
  private compiling: Promise<void> | undefined;

  constructor(
    device: GPUDevice,
    faults: Faults,
    kernel: Kernel,
    workgroupSize: number,
    writable: readonly string[],
  ) {
    this.device = device;
    this.faults = faults;
    this.id = kernel.id;
    this.layout = device.createBindGroupLayout({ entries: layoutEntries(kernel, writable) });
    const layout = device.createPipelineLayout({ bindGroupLayouts: [this.layout] });
    const module = this.watch(() =>
      device.createShaderModule({ label: kernel.id, code: wgslModule(kernel, workgroupSize, writable) }),
    );
    this.descriptor = { label: kernel.id, layout, compute: { module, entryPoint: 'main' } };
  }

  prepare(): Promise<void> {
    this.compiling ??= this.device.createComputePipelineAsync(this.descriptor).then(
      (pipeline) => {
        this.compiled ??= pipeline;
      },
      async (cause: unknown) => {
        throw compileError(this.id, await this.messages(), cause);
      },
    );
    return this.compiling;
  }

  pipeline(): GPUComputePipeline {
    this.compiled ??= this.watch(() => this.device.createComputePipeline(this.descriptor));
    return this.compiled;
  }

  private watch<V>(work: () => V): V {
    const { value, fault } = this.faults.watch(this.id, work);
    const earlier = this.fault;
    const explained = fault.then(
      async (error) => error && compileError(this.id, await this.messages(), error),
    );
    const combined = earlier === undefined ? explained : firstFault([earlier, explained]);
    this.fault = this.faults.track(combined);
    combined.then((error) => {
      if (error === undefined && this.fault === combined) this.fault = undefined;
    });
    return value;
  }

  private async messages(): Promise<string> {
    const { messages } = await this.descriptor.compute.module.getCompilationInfo();
    const text = messages.map((m) => `${m.type} at ${m.lineNum}:${m.linePos}: ${m.message}`);
    return text.join('; ') || 'no message';
  }
}

function layoutEntries(kernel: Kernel, writable: readonly string[]): GPUBindGroupLayoutEntry[] {
  // GPUShaderStage.COMPUTE, which is no global in Node.
  const visibility = 4;
  const entries = Object.entries(kernel.storage).map(([name, storage], i): GPUBindGroupLayoutEntry => {
    const type = isOutput(storage) || writable.includes(name) ? 'storage' : 'read-only-storage';
    return { binding: i + 1, visibility, buffer: { type } };
  });
  return [{ binding: 0, visibility, buffer: { type: 'uniform' } }, ...entries];
}

function compileError(id: string, found: string, cause: unknown): DeviceError {
  return new DeviceError('DEVICE_ERROR', {
    argument: `shader ${id}`,
    found,
    expected: 'a shader that the device compiles (a fault of the backend or the driver: please report it)',
    cause,
  });
}
