import { checkCall } from '../checks.js';
import type { Session } from '../session.js';
import { Random } from './data.js';
import { exampleCall, SMALL } from './example-call.js';

/** After a call that failed: the backend still works. */
export async function checkNextCall(session: Session): Promise<void> {
  const [operation] = session.claims.operations;
  if (operation === undefined) return;
  await checkCall(session, 'the next call', exampleCall(operation, SMALL, new Random('the next call')));
}
