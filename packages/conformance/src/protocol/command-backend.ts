import { type ArrayOf, Backend, type BackendFactory, type DType } from '@moe-dispatch/core';
import type { BackendContract, OperationName, Operations, TensorSpec } from '@moe-dispatch/core/backend';
import { contractOf } from '@moe-dispatch/core/backend';
import { bytesOf } from '../host-tensor.js';
import type { Level } from '../levels/levels.js';
import { BytesTensor } from './bytes-tensor.js';
import { ForeignProcess } from './foreign-process.js';
import { type FlatCall, headerOf } from './request.js';

/** What `--backend` begins with if the rest is a command line. */
export const COMMAND_PREFIX = 'command:';

/**
 * Backends that are another program's (docs/protocol.md). Each is a process of its own.
 * @param command as a shell takes it
 */
export function commandBackend(command: string): BackendFactory {
  return {
    name: command,
    create: async () =>
      new Backend(new ForeignContract(await ForeignProcess.start(command))) as unknown as Backend,
  };
}

/** More than a case asks for. */
const DEFAULT_LIMITS = { maxTensorBytes: 2 ** 30, maxExperts: 2 ** 16 };

/** The level of a backend that is a program. */
export function declaredLevel(backend: Backend): Level | undefined {
  return (contractOf(backend) as { level?: Level }).level;
}

/** Tensors are in this process; a call sends them to the other and waits for the results. */
class ForeignContract implements BackendContract<BytesTensor> {
  readonly name: string;
  readonly device: string;
  readonly dtypes: readonly DType[];
  readonly limits: BackendContract['limits'];
  readonly exact: boolean;
  readonly operations: Operations<BytesTensor>;
  /** If it declares one. */
  readonly level: Level | undefined;
  private readonly process: ForeignProcess;

  constructor(foreign: ForeignProcess) {
    const {
      name,
      device,
      dtypes,
      limits,
      level,
      exact = level === undefined || level === 'same bytes',
      operations,
    } = foreign.hello;
    this.level = level;
    this.name = name;
    this.device = device;
    this.dtypes = dtypes;
    this.exact = exact;
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    this.process = foreign;
    const entries = operations.map((operation) => [
      operation,
      (call: FlatCall) => this.perform(operation, call),
    ]);
    this.operations = Object.fromEntries(entries);
  }

  allocate(spec: TensorSpec): BytesTensor {
    return new BytesTensor(spec);
  }

  upload({ bytes }: BytesTensor, data: ArrayOf<DType>): void {
    bytes.set(bytesOf(data));
  }

  checkUsable(): void {
    const { lost } = this.process;
    if (lost !== undefined) throw lost;
  }

  shutdown(): void {
    this.process.end();
  }

  private perform(operation: OperationName, call: FlatCall): void {
    const header = headerOf(operation, call);
    const results = this.process.call(
      header,
      header.inputs.map(({ name }) => (call[name] as BytesTensor).bytes),
    );
    for (const [name, bytes] of results)
      (call[name as keyof FlatCall] as unknown as BytesTensor).bytes.set(bytes);
  }
}
