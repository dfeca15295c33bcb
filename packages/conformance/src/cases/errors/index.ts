import { type ConformanceCase, needing } from '../conformance-case.js';
import { dispatchErrors } from './dispatch.js';
import { preparedErrors } from './prepared.js';
import { reduceErrors } from './reduce.js';
import { routerErrors } from './routers.js';
import { stageErrors } from './stages.js';
import { tensorErrors } from './tensors.js';
import { undeclaredErrors } from './undeclared.js';

/** Every "Bad input" of semantics.md, for each operation. */
export function errorCases(): ConformanceCase[] {
  return needing({ numExperts: 6, topK: 2 }, [
    ...tensorErrors(),
    ...dispatchErrors(),
    ...stageErrors(),
    ...reduceErrors(),
    ...preparedErrors(),
    ...routerErrors(),
    ...undeclaredErrors(),
  ]);
}
