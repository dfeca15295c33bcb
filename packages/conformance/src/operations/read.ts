import type { Tensor } from '@moe-dispatch/core';
import type { TensorName } from '@moe-dispatch/core/backend';
import { compareArray, type Place, wholeDifference } from '../compare.js';
import { elementCount, type HostTensor } from '../host-tensor.js';
import type { Session } from '../session.js';
import { type DeviceTensors, type HostCall, type HostTensors, type Kind, outputKinds } from './host-call.js';
import { stageOf } from './judge.js';

/**
 * The outputs of a call, without those whose dtype, shape or array is wrong, which is reported. All reads are begun before
 * it returns.
 */
export async function readOutputs(
  session: Session,
  label: string,
  call: HostCall,
  found: DeviceTensors,
): Promise<HostTensors> {
  const kinds = Object.entries(outputKinds(call)) as [TensorName, Kind][];
  const reading = kinds.map(async ([tensor, kind]) => {
    const place = { case: label, tensor, operation: stageOf(tensor) ?? call.operation };
    return [tensor, await readTensor(session, place, found[tensor] as Tensor, kind)];
  });
  return Object.fromEntries(await Promise.all(reading));
}

/** The elements of a tensor, or undefined if what holds them is wrong, which is reported. */
export async function readTensor(
  session: Session,
  place: Place,
  found: Tensor,
  { dtype, shape }: Kind,
): Promise<HostTensor | undefined> {
  const text = (of: Kind) => `${of.dtype} [${of.shape.join(', ')}]`;
  const expected = text({ dtype, shape });
  if (text(found) !== expected) {
    session.report([wholeDifference(place, expected, text(found))]);
    return undefined;
  }
  const data = await found.read();
  const wrongArray = compareArray(place, data, dtype, elementCount(shape));
  if (wrongArray === undefined) return { data, dtype, shape } as HostTensor;
  session.report([wrongArray]);
  return undefined;
}
