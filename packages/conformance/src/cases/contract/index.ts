import type { ConformanceCase } from '../conformance-case.js';
import { callerMemoryCases } from './caller-memory.js';
import { claimCases } from './claims.js';
import { expertCases } from './experts.js';
import { indexCases } from './indices.js';
import { inputCases } from './inputs.js';
import { lifetimeCases } from './lifetime.js';
import { memoryCases } from './memory.js';
import { nowhereCases } from './nowhere.js';
import { preparedCases } from './prepared.js';
import { reduceCases } from './reduce.js';
import { routerValueCases } from './router-values.js';
import { routerCases } from './routers.js';
import { routingCases } from './routing.js';
import { rowCases } from './rows.js';
import { stageCases } from './stages.js';
import { twoBackendCases } from './two-backends.js';

/** Inputs made for each promise of semantics.md. */
export function contractCases(): ConformanceCase[] {
  return [
    ...routingCases(),
    ...routerCases(),
    ...routerValueCases(),
    ...nowhereCases(),
    ...expertCases(),
    ...claimCases(),
    ...rowCases(),
    ...stageCases(),
    ...reduceCases(),
    ...indexCases(),
    ...inputCases(),
    ...callerMemoryCases(),
    ...preparedCases(),
    ...lifetimeCases(),
    ...memoryCases(),
    ...twoBackendCases(),
  ];
}
