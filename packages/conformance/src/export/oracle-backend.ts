import { type ArrayOf, Backend, DTYPES, type DType } from '@moe-dispatch/core';
import {
  type BackendContract,
  invalid,
  OPERATIONS,
  type OperationEntry,
  type OperationName,
  type Operations,
  type TensorName,
  type TensorSpec,
} from '@moe-dispatch/core/backend';
import { bytesOf, type HostTensor } from '../host-tensor.js';
import type { HostTensors } from '../operations/host-call.js';
import { BytesTensor } from '../protocol/bytes-tensor.js';
import { type CallHeader, type FlatCall, headerOf } from '../protocol/request.js';
import { type Answer, answer } from './answer.js';

/** A call that a case made, and the right answer. */
export interface RecordedCall extends Answer {
  readonly header: CallHeader;
  readonly inputs: HostTensors;
}

/** A backend that asks the oracle for every result, and tells of every call. */
export function oracleBackend(record: (call: RecordedCall) => void): Backend {
  return new Backend(new OracleContract(record)) as unknown as Backend;
}

class OracleContract implements BackendContract<BytesTensor> {
  readonly name = 'oracle';
  readonly device = 'what the suite compares with';
  readonly dtypes = Object.keys(DTYPES) as DType[];
  readonly limits = { maxTensorBytes: 2 ** 30, maxExperts: 2 ** 16 };
  readonly operations: Operations<BytesTensor>;
  private readonly record: (call: RecordedCall) => void;

  constructor(record: (call: RecordedCall) => void) {
    this.record = record;
    const names = Object.keys(OPERATIONS) as OperationName[];
    const entries = names.map((operation) => [operation, (call: FlatCall) => this.perform(operation, call)]);
    this.operations = Object.fromEntries(entries);
  }

  allocate(spec: TensorSpec): BytesTensor {
    return new BytesTensor(spec);
  }

  upload({ bytes }: BytesTensor, data: ArrayOf<DType>): void {
    bytes.set(bytesOf(data));
  }

  private perform(operation: OperationName, call: FlatCall): void {
    const header = headerOf(operation, call);
    const inputs: HostTensors = Object.fromEntries(
      header.inputs.map(({ name, dtype, shape }) => [
        name,
        { dtype, shape, data: tensorOf(call, name).elements() },
      ]),
    );
    const answered = answer(header, inputs);
    this.record({ header, inputs, ...answered });
    if (answered.mayRefuse !== undefined) {
      throw invalid(answered.mayRefuse, operation, 'an index out of range', 'indices in range');
    }
    const { outputs }: OperationEntry = OPERATIONS[operation];
    for (const name of outputs)
      tensorOf(call, name).bytes.set(bytesOf((answered.outputs[name] as HostTensor).data));
  }
}

function tensorOf(call: FlatCall, name: TensorName): BytesTensor {
  return call[name] as BytesTensor;
}
