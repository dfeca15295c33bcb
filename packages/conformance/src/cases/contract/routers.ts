import type { OperationName } from '@moe-dispatch/core';
import { checkCall } from '../../checks.js';
import type { ConformanceCase } from '../conformance-case.js';
import { Random } from '../data.js';
import { type ExampleSpec, exampleCall } from '../example-call.js';
import { LOGITS } from '../logits.js';
import { PLAIN, type RouterFields, routerSpec, useful } from '../routers.js';

const SIZES: ExampleSpec = { tokens: 23, hidden: 5, numExperts: 12, topK: 3, dtype: 'float32', bias: true };

/** Every option of a router, and those that go together. */
const OPTIONS: readonly (readonly [name: string, fields: Partial<RouterFields>])[] = [
  ['softmax', { scoringFunc: 'softmax' }],
  ['sigmoid', { scoringFunc: 'sigmoid' }],
  ['sqrtsoftplus', { scoringFunc: 'sqrtsoftplus' }],
  ['none', { scoringFunc: 'none' }],
  ['bias', { bias: true }],
  ['groups-max', { nGroup: 4, topkGroup: 2, groupScoreFunc: 'max' }],
  ['groups-top2', { nGroup: 4, topkGroup: 2, groupScoreFunc: 'top2_sum' }],
  ['norm', { normTopkProb: true }],
  ['norm-eps', { normTopkProb: true, normEps: 0.01 }],
  ['factor', { routedScalingFactor: 2.7 }],
  ['identity', { zeroExperts: 3, zeroExpertKind: 'identity' }],
  ['skip', { zeroExperts: 3, zeroExpertKind: 'skip' }],
  ['weight-on-input', { applyRouterWeightOnInput: true }],
  ['given', { selection: 'given' }],
  ['sparsemixer', { selection: 'sparsemixer', jitterEps: 0.1 }],
  ['capacity', { expertCapacity: 4 }],
  ['capacity-probs', { expertCapacity: 4, dropPolicy: 'probs' }],
  ['capacity-norm-before', { expertCapacity: 4, normTopkProb: true, normBeforeDrop: true }],
  ['expert-scales', { perExpertScale: true }],
  ['global-scale', { globalScale: true }],
  ['shared', { scoringFunc: 'sigmoid', normTopkProb: true, sharedExperts: 2 }],
  ['mask', { tokenMask: true }],
  ['float16', { gatingDtype: 'float16' }],
  ['bfloat16', { gatingDtype: 'bfloat16' }],
];

/** Each option of a router: alone, with each kind of logits and in every operation, and with each other option. */
export function routerCases(): ConformanceCase[] {
  const cases = OPTIONS.flatMap(([name, fields], i) => [
    routerCase(name, (check) => checkAlone(check, fields)),
    routerCase(`${name},with-others`, (check) => checkPairs(check, i)),
  ]);
  return cases;
}

type Check = (label: string, operation: OperationName, spec: ExampleSpec) => Promise<void>;

function routerCase(name: string, run: (check: Check) => Promise<void>): ConformanceCase {
  const id = `generated/routers/${name}`;
  return {
    id,
    run: (session) => {
      session.requireExactRouting();
      const random = new Random(id);
      return run((label, operation, spec) =>
        checkCall(session, `${operation} of ${label}`, exampleCall(operation, spec, random)),
      );
    },
  };
}

async function checkAlone(check: Check, option: Partial<RouterFields>): Promise<void> {
  const specOf = (kind: string) =>
    routerSpec(useful({ ...PLAIN, ...option }), { ...SIZES, draws: { gatingOutput: LOGITS[kind] } });
  for (const kind of Object.keys(LOGITS)) await check(`${kind} logits`, 'moeDispatch', specOf(kind));
  for (const operation of ['routeTokens', 'planDispatch', 'permuteRows', 'moeReduce'] as const) {
    await check('ties', operation, specOf('ties'));
  }
}

/** The option with each of the following ones that it has a use with; their logits take turns. */
async function checkPairs(check: Check, index: number): Promise<void> {
  const option = OPTIONS[index][1];
  const kinds = Object.values(LOGITS);
  for (const [i, [name, other]] of OPTIONS.entries()) {
    const both = { ...option, ...other };
    const fields = useful({ ...PLAIN, ...both });
    const agree = Object.entries({ ...other, ...option }).every(
      ([key, value]) =>
        fields[key as keyof RouterFields] === value && both[key as keyof RouterFields] === value,
    );
    if (i <= index || !agree) continue;
    const gatingOutput = kinds[(index + i) % kinds.length];
    await check(`with ${name}`, 'moeDispatch', routerSpec(fields, { ...SIZES, draws: { gatingOutput } }));
  }
}
