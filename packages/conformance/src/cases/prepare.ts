import { type OperationName, type Prepared, prepare } from '@moe-dispatch/core';
import type { Session } from '../session.js';

/** `prepare` with options that may be wrong on purpose; disposed with the session. */
export function prepareWith<Op extends OperationName>(
  session: Session,
  operation: Op,
  options: unknown,
): Prepared<Op> {
  return session.keep(prepare(session.backend, operation, options as never)) as unknown as Prepared<Op>;
}
