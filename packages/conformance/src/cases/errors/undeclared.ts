import { type Backend, type OperationName, prepare, type Tensor } from '@moe-dispatch/core';
import { OPERATIONS } from '@moe-dispatch/core/backend';
import { callWith, mapTensors } from '../../operations/host-call.js';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { Random } from '../data.js';
import { exampleCall, prepareOptions, SMALL } from '../example-call.js';
import { checkNextCall } from '../next-call.js';
import { checkError, thrownBy } from './error-case.js';

/** What a backend does not declare, it refuses by name. */
export function undeclaredErrors(): ConformanceCase[] {
  return [{ id: 'errors/undeclared/every-operation', run: checkUndeclared }];
}

async function checkUndeclared(session: Session): Promise<void> {
  const { operations, wrap } = session.claims;
  const refused = async (call: () => unknown) =>
    checkError(session, await thrownBy(call), 'UNSUPPORTED_OPERATION', 'backend');
  for (const operation of Object.keys(OPERATIONS) as OperationName[]) {
    if (operations.includes(operation)) continue;
    const call = exampleCall(operation, SMALL, new Random(operation));
    const tensors = mapTensors(call.inputs, (host) => session.upload(host));
    await refused(() => callWith(tensors, call));
    await refused(() => prepare(session.backend, operation, prepareOptions(operation, SMALL) as never));
  }
  const wrapping = session.backend as unknown as Backend<Tensor, unknown>;
  if (!wrap) await refused(() => wrapping.wrap(new Float32Array(1), [1], 'float32'));
  await checkNextCall(session);
}
