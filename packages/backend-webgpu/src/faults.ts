import { DeviceError, type MoeDispatchError, ResourceError } from '@moe-dispatch/core';

/** What went wrong on the device, known some time after the call; undefined if nothing did. */
export type Fault = Promise<MoeDispatchError | undefined>;

type Kind = 'validation' | 'out-of-memory';

/** Watches calls whose errors WebGPU reports later, and keeps each error until somebody has been told. */
export class Faults {
  private readonly device: GPUDevice;
  private readonly pending = new Set<Fault>();
  private readonly untold = new Set<MoeDispatchError>();
  /** One error can be the fault of many tensors. */
  private readonly seen = new WeakSet<MoeDispatchError>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** Does `work` in error scopes of those kinds. The fault never rejects; `track` it unless it is told otherwise. */
  watch<V>(what: string, work: () => V, kinds: readonly Kind[] = ['validation']): { value: V; fault: Fault } {
    const popped: Promise<GPUError | null>[] = [];
    for (const kind of kinds) this.device.pushErrorScope(kind);
    try {
      return {
        value: work(),
        fault: Promise.resolve().then(() => faultOfFirst(what, kinds, popped)),
      };
    } finally {
      // A scope that cannot be popped belongs to a lost device, and whoever waits hears that in its own way.
      for (const _ of kinds) popped.unshift(this.device.popErrorScope().catch(() => null));
    }
  }

  /** Waits for a fault in `settled`, and keeps it until told. */
  track(fault: Fault): Fault {
    this.pending.add(fault);
    fault.then((error) => {
      this.pending.delete(fault);
      if (error !== undefined) this.report(error);
    });
    return fault;
  }

  /** Keeps an error until told. */
  report(error: MoeDispatchError): void {
    if (this.seen.has(error)) return;
    this.seen.add(error);
    this.untold.add(error);
  }

  /** Notes that somebody was told of this error. */
  told(error: MoeDispatchError): void {
    this.untold.delete(error);
  }

  /** Waits for every call watched so far; rejects with the first error that nobody was told of. */
  async settled(): Promise<void> {
    await Promise.all(this.pending);
    const [first] = this.untold;
    this.untold.clear();
    if (first !== undefined) throw first;
  }
}

async function faultOfFirst(what: string, kinds: readonly Kind[], popped: Promise<GPUError | null>[]): Fault {
  const errors = await Promise.all(popped);
  const i = errors.findIndex((error) => error !== null);
  return i < 0 ? undefined : faultOf(kinds[i], what, errors[i]!);
}

/** The first fault of several, in their order. */
export async function firstFault(faults: readonly Fault[]): Fault {
  return (await Promise.all(faults)).find((error) => error !== undefined);
}

/** The typed form of a GPUError. */
export function faultOf(kind: string, what: string, error: GPUError): MoeDispatchError {
  const details = { argument: what, found: error.message, cause: error };
  return kind === 'out-of-memory'
    ? new ResourceError('OUT_OF_MEMORY', { ...details, expected: 'memory that the device can give' })
    : new DeviceError('DEVICE_ERROR', { ...details, expected: 'a call that the device takes' });
}
