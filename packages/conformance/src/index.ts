/**
 * The suite that shows whether a backend keeps the contract.
 * @module @moe-dispatch/conformance
 */

export { weightBound } from './bounds.js';
export type { RandomCall } from './cases/random-call.js';
export type { Difference } from './compare.js';
export {
  COMPARISON_VERSION,
  type CompareOptions,
  type ComparisonFailure,
  type ComparisonReport,
  compareBackends,
} from './compare-backends.js';
export { ConformanceError } from './conformance-error.js';
export { type Expectations, type ExpectedFailure, parseExpectations } from './expectations.js';
export { type FixtureSource, packageFixtures } from './fixtures.js';
export { type FusedCall, type FusedOperator, fusedBackend } from './fused-operator.js';
export { type GoldenCall, parseGolden } from './golden-fixture.js';
export type { HostTensor } from './host-tensor.js';
export type { ConformanceKit } from './kit.js';
export { type NativeMemory, typedArrayMemory } from './native-memory.js';
export {
  type CaseResult,
  type CaseStatus,
  type ConformanceReport,
  type ErrorHistogram,
  REPORT_VERSION,
  type ReportedBackend,
  type ReportTotals,
  type Routing,
} from './report.js';
export {
  type Implementation,
  type ImplementedRouter,
  type RoutingCall,
  type RoutingChoices,
  type RoutingImplementation,
  routingBackend,
} from './routing-backend.js';
export { type ConformanceOptions, NoCaseError, runConformance } from './run.js';
