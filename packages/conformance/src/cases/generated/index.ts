import type { ConformanceCase } from '../conformance-case.js';
import { callerMemoryCases } from './caller-memory.js';
import { expertCases } from './experts.js';
import { indexCases } from './indices.js';
import { lifetimeCases } from './lifetime.js';
import { memoryCases } from './memory.js';
import { preparedCases } from './prepared.js';
import { reduceCases } from './reduce.js';
import { routingCases } from './routing.js';
import { rowCases } from './rows.js';
import { stageCases } from './stages.js';

/** Inputs made for each promise of semantics.md. */
export function generatedCases(): ConformanceCase[] {
  return [
    ...routingCases(),
    ...expertCases(),
    ...rowCases(),
    ...stageCases(),
    ...reduceCases(),
    ...indexCases(),
    ...callerMemoryCases(),
    ...preparedCases(),
    ...lifetimeCases(),
    ...memoryCases(),
  ];
}
