import { checkDispatchOf, type DispatchInput } from '../../checks.js';
import type { ConformanceCase } from '../conformance-case.js';
import { Random } from '../data.js';

/** A case that dispatches one input and checks every output. The data depend on the id alone. */
export function dispatchCase(path: string, build: (random: Random) => DispatchInput): ConformanceCase {
  const id = `generated/${path}`;
  return { id, run: (session) => checkDispatchOf(session, 'moeDispatch', build(new Random(id))) };
}
