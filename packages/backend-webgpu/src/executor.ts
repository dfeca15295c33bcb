import { DeviceError, type OperationName } from '@moe-dispatch/core';
import { type Call, checkUsable, OPERATIONS, type TensorName, tensorNames } from '@moe-dispatch/core/backend';
import { bindSchedule } from './bind-schedule.js';
import { type Tensors, viewsOf } from './call-tensors.js';
import { checkEncoder, checkEnded } from './check-recording.js';
import type { Commands } from './commands.js';
import type { DeviceContext } from './device-context.js';
import { firstFault } from './faults.js';
import { scheduleOf } from './operations/index.js';
import { readBack } from './read-back.js';
import type { WebGpuTensor } from './webgpu-tensor.js';
import { OwnWorkspace, PooledWorkspace } from './workspace.js';

interface Recording {
  readonly encoder: GPUCommandEncoder;
  readonly descriptor: GPUComputePassDescriptor | undefined;
}

/** Puts operations on the device's queue, or into the encoder of `record`. */
export class Executor {
  readonly context: DeviceContext;
  private lostInfo: GPUDeviceLostInfo | undefined;
  private recording: Recording | undefined;

  constructor(context: DeviceContext) {
    this.context = context;
    context.device.lost.then((info) => {
      this.lostInfo = info;
    });
  }

  /** @throws DeviceError DEVICE_LOST. */
  checkNotLost(): void {
    if (this.lostInfo !== undefined) throw deviceLost(this.lostInfo);
  }

  /** While `work` runs, operations are recorded into that encoder, not submitted. */
  record(encoder: GPUCommandEncoder, work: () => void, descriptor?: GPUComputePassDescriptor): void {
    checkEncoder(encoder);
    const outer = this.recording;
    this.recording = { encoder, descriptor };
    try {
      checkEnded(work());
    } finally {
      this.recording = outer;
    }
  }

  issue<Op extends OperationName>(operation: Op, call: Call<Op, WebGpuTensor>): void {
    const schedule = scheduleOf(operation, this.context, viewsOf(operation, call));
    const bind = (workspace: OwnWorkspace | PooledWorkspace) =>
      bindSchedule(this.context, schedule, call, workspace);
    if (this.recording !== undefined) {
      // The encoder may be submitted any time, so what it uses is left to the garbage collector.
      this.run(operation, call, () => bind(new OwnWorkspace(this.context.device)));
      return;
    }
    const workspace = new PooledWorkspace(this.context.pool);
    try {
      this.run(operation, call, () => bind(workspace));
    } finally {
      workspace.release();
    }
  }

  /** Records commands, or submits them and ties what goes wrong with them to the tensors that they write. */
  run<Op extends OperationName>(operation: Op, call: Call<Op, WebGpuTensor>, bind: () => Commands): void {
    if (this.recording !== undefined) {
      bind().encode(this.recording.encoder, this.recording.descriptor);
      return;
    }
    const { device, faults } = this.context;
    const { value: commands, fault } = faults.watch('the submitted work', () => {
      const encoder = device.createCommandEncoder();
      const bound = bind();
      bound.encode(encoder);
      device.queue.submit([encoder.finish()]);
      return bound;
    });
    // What an operation works on comes first: it explains errors of the work itself.
    const { outputs, inputs } = tensorsOf(operation, call);
    const before = [...inputs.flatMap((tensor) => tensor.faults()), ...commands.faults()];
    before.push(...outputs.flatMap((tensor) => tensor.memoryFaults()), fault);
    const work = faults.track(firstFault(before));
    for (const tensor of outputs) tensor.writtenBy(work);
  }

  /** A copy of a tensor's elements, or what went wrong with them. */
  async read(tensor: WebGpuTensor): Promise<ArrayBuffer> {
    const { faults, device } = this.context;
    const earlier = tensor.faults();
    const copying = () => readBack(device, tensor);
    const { value: copy, fault } = faults.watch('the copy to read', copying, BOTH);
    const [error, copied] = await Promise.all([firstFault([...earlier, fault]), outcome(copy)]);
    if (error !== undefined) {
      faults.told(error);
      throw error;
    }
    if ('value' in copied) return copied.value;
    // The device may say only a little later that it is lost.
    await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, LOSS_NOTICE_MS))]);
    checkUsable(tensor.backend);
    throw new DeviceError('DEVICE_ERROR', {
      argument: 'tensor',
      found: String(copied.cause),
      expected: 'a device that copies it out',
      cause: copied.cause,
    });
  }
}

/** How long a failed read waits for the news that the device is lost. */
const LOSS_NOTICE_MS = 100;
const BOTH = ['validation', 'out-of-memory'] as const;

function tensorsOf(operation: OperationName, call: object) {
  const named = (names: readonly TensorName[]) =>
    names.map((name) => (call as Tensors<WebGpuTensor>)[name]).filter((tensor) => !!tensor);
  const names = tensorNames(operation);
  const { length } = OPERATIONS[operation].outputs;
  return { outputs: named(names.slice(0, length)), inputs: named(names.slice(length)) };
}

function outcome<V>(promise: Promise<V>): Promise<{ value: V } | { cause: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (cause: unknown) => ({ cause }),
  );
}

function deviceLost({ reason, message }: GPUDeviceLostInfo): DeviceError {
  return new DeviceError('DEVICE_LOST', {
    argument: 'backend',
    found: `a lost device (${reason}): ${message}`,
    expected: 'a working device: create a new backend and new tensors',
  });
}
