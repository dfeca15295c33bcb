import type { DispatchTensors, DType, Tensor } from '@moe-dispatch/core';
import { STAGES } from '@moe-dispatch/core/backend';
import { checkExact } from './checks.js';
import { readHost } from './host-tensor.js';
import { outputsOf } from './operations/judge.js';
import type { Session } from './session.js';

/** Two results of the same dispatch: every byte, up to the first stage in which they differ. */
export async function compareByStage(
  session: Session,
  label: string,
  found: DispatchTensors<Tensor>,
  expected: DispatchTensors<Tensor>,
): Promise<void> {
  const before = session.differences.length;
  for (const operation of STAGES) {
    for (const tensor of outputsOf(operation) as (keyof DispatchTensors<Tensor>)[]) {
      const place = { case: label, tensor, operation };
      await checkExact(session, place, found[tensor], await readHost<DType>(expected[tensor]));
    }
    if (session.differences.length > before) return;
  }
}
