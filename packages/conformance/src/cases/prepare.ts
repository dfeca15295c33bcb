import { type PreparedDispatch, prepareDispatch } from '@moe-dispatch/core';
import type { Session } from '../session.js';

/** prepareDispatch with options that may be wrong on purpose, disposed with the session. Not claimed where prepareDispatch is not. */
export function prepare(session: Session, options: unknown): PreparedDispatch {
  session.requirePrepareDispatch();
  return session.keep(prepareDispatch(session.backend, options as never));
}
