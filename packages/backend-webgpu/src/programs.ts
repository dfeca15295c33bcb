import { DeviceError } from '@moe-dispatch/core';
import { STORAGE_USAGE } from './buffer-pool.js';
import { type Fault, type Faults, firstFault } from './faults.js';
import { isOutput, type Kernel, wgslModule } from './kernel.js';
import { UNIFORM_USAGE } from './uniforms.js';

/** Of each buffer of an idle launch: enough for the params of any kernel. */
const IDLE_BYTES = 256;

/** A kernel on a device: its bind group layout at once, its pipeline when first needed. */
export interface Program {
  readonly layout: GPUBindGroupLayout;
  /** Compiles without blocking, and for drivers that compile no earlier than they must, launches the kernel once. */
  prepare(): Promise<void>;
  /** The pipeline, compiled on the spot if it must be. */
  pipeline(): GPUComputePipeline;
  /** Why it does not compile; nothing once it is known that it does. */
  readonly fault: Fault | undefined;
}

/** Compiles each kernel once, however often and in however many places it is asked for. */
export class Programs {
  readonly #device: GPUDevice;
  readonly #faults: Faults;
  readonly #workgroupSize: number;
  readonly #trusted: boolean;
  readonly #programs = new Map<string, Program>();

  /** @param trusted as for wgslModule */
  constructor(device: GPUDevice, faults: Faults, workgroupSize: number, trusted: boolean) {
    this.#device = device;
    this.#faults = faults;
    this.#workgroupSize = workgroupSize;
    this.#trusted = trusted;
  }

  /** @param writable the inputs that share a buffer with an output of the launch. */
  get(kernel: Kernel, writable: readonly string[]): Program {
    const key = writable.length === 0 ? kernel.id : `${kernel.id} +${writable.join()}`;
    let program = this.#programs.get(key);
    if (program === undefined) {
      const code = wgslModule(kernel, this.#workgroupSize, this.#trusted, writable);
      program = new CompiledProgram(this.#device, this.#faults, kernel, code, writable);
      this.#programs.set(key, program);
    }
    return program;
  }
}

class CompiledProgram implements Program {
  readonly layout: GPUBindGroupLayout;
  fault: Fault | undefined;
  readonly #device: GPUDevice;
  readonly #faults: Faults;
  readonly #id: string;
  /** Of the buffers that it binds. */
  readonly #usages: readonly GPUBufferUsageFlags[];
  readonly #descriptor: GPUComputePipelineDescriptor;
  #compiled: GPUComputePipeline | undefined;
  #preparing: Promise<void> | undefined;

  constructor(device: GPUDevice, faults: Faults, kernel: Kernel, code: string, writable: readonly string[]) {
    this.#device = device;
    this.#faults = faults;
    this.#id = kernel.id;
    this.#usages = [UNIFORM_USAGE, ...Object.keys(kernel.storage).map(() => STORAGE_USAGE)];
    this.layout = device.createBindGroupLayout({ entries: layoutEntries(kernel, writable) });
    const layout = device.createPipelineLayout({ bindGroupLayouts: [this.layout] });
    const module = this.#watch(() => device.createShaderModule({ label: kernel.id, code }));
    this.#descriptor = { label: kernel.id, layout, compute: { module, entryPoint: 'main' } };
  }

  prepare(): Promise<void> {
    this.#preparing ??= this.#compile();
    return this.#preparing;
  }

  pipeline(): GPUComputePipeline {
    this.#compiled ??= this.#watch(() => this.#device.createComputePipeline(this.#descriptor));
    return this.#compiled;
  }

  async #compile(): Promise<void> {
    try {
      const pipeline = await this.#device.createComputePipelineAsync(this.#descriptor);
      this.#compiled ??= pipeline;
    } catch (cause) {
      throw compileError(this.#id, await this.#messages(), cause);
    }
    const { fault } = this.#faults.watch(`a first launch of ${this.#id}`, () => this.#launchIdle());
    const [error] = await Promise.all([fault, this.#device.queue.onSubmittedWorkDone()]);
    if (error !== undefined) throw error;
  }

  /** Submits a launch whose params are all 0, with which every kernel does nothing. */
  #launchIdle(): void {
    const device = this.#device;
    const buffers = this.#usages.map((usage) => device.createBuffer({ size: IDLE_BYTES, usage }));
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.pipeline());
    pass.setBindGroup(0, device.createBindGroup({ layout: this.layout, entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    device.queue.submit([encoder.finish()]);
    for (const buffer of buffers) buffer.destroy();
  }

  #watch<V>(work: () => V): V {
    const { value, fault } = this.#faults.watch(this.#id, work);
    const earlier = this.fault;
    const explained = fault.then(
      async (error) => error && compileError(this.#id, await this.#messages(), error),
    );
    const combined = earlier === undefined ? explained : firstFault([earlier, explained]);
    this.fault = this.#faults.track(combined);
    combined.then((error) => {
      if (error === undefined && this.fault === combined) this.fault = undefined;
    });
    return value;
  }

  async #messages(): Promise<string> {
    const { messages } = await this.#descriptor.compute.module.getCompilationInfo();
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
    expected: 'a shader that the device compiles (please report this)',
    cause,
  });
}
