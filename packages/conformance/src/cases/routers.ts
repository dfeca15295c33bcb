import type { FloatDType, Router, RouterTensorName } from '@moe-dispatch/core';
import type { ExampleSpec } from './example-call.js';

type Option<Name extends keyof Router> = NonNullable<Router[Name]>;

/** Everything that a router and its tensors can say, each by itself: what has no use beside the others is left out. */
export interface RouterFields {
  readonly selection: 'topk' | 'given' | 'sparsemixer';
  readonly scoringFunc: Option<'scoringFunc'>;
  readonly bias: boolean;
  readonly nGroup: number;
  /** At most nGroup. */
  readonly topkGroup: number;
  readonly groupScoreFunc: Option<'groupScoreFunc'>;
  readonly normTopkProb: boolean;
  readonly normEps: number;
  readonly routedScalingFactor: number;
  readonly zeroExperts: number;
  readonly zeroExpertKind: Option<'zeroExperts'>['kind'];
  readonly applyRouterWeightOnInput: boolean;
  readonly jitterEps: number;
  /** 0: any number. */
  readonly expertCapacity: number;
  readonly dropPolicy: Option<'dropPolicy'>;
  readonly normBeforeDrop: boolean;
  readonly perExpertScale: boolean;
  readonly globalScale: boolean;
  readonly sharedExperts: number;
  readonly tokenMask: boolean;
  readonly gatingDtype: FloatDType;
}

/** Softmax over all experts, and nothing else. */
export const PLAIN: RouterFields = {
  selection: 'topk',
  scoringFunc: 'softmax',
  bias: false,
  nGroup: 1,
  topkGroup: 1,
  groupScoreFunc: 'max',
  normTopkProb: false,
  normEps: 0,
  routedScalingFactor: 1,
  zeroExperts: 0,
  zeroExpertKind: 'identity',
  applyRouterWeightOnInput: false,
  jitterEps: 0,
  expertCapacity: 0,
  dropPolicy: 'position',
  normBeforeDrop: false,
  perExpertScale: false,
  globalScale: false,
  sharedExperts: 0,
  tokenMask: false,
  gatingDtype: 'float32',
};

/** The fields that have a use together: the others are as in PLAIN. */
export function useful(fields: RouterFields): RouterFields {
  const { selection, tokenMask, gatingDtype, jitterEps } = fields;
  if (selection === 'sparsemixer') return { ...PLAIN, selection, tokenMask, gatingDtype, jitterEps };
  const grouped = selection === 'topk' && fields.topkGroup < fields.nGroup;
  const off = <Names extends (keyof RouterFields)[]>(condition: boolean, ...names: Names) =>
    condition ? {} : Object.fromEntries(names.map((name) => [name, PLAIN[name]]));
  const identity = fields.zeroExperts > 0 && fields.zeroExpertKind === 'identity';
  return {
    ...fields,
    ...off(false, 'jitterEps'),
    ...off(selection === 'topk', 'bias'),
    ...off(grouped, 'nGroup', 'topkGroup', 'groupScoreFunc'),
    ...off(fields.normTopkProb, 'normEps'),
    ...off(fields.normTopkProb && fields.scoringFunc !== 'softmax', 'sharedExperts'),
    ...off(fields.expertCapacity > 0, 'dropPolicy'),
    ...off(fields.expertCapacity > 0 && fields.normTopkProb, 'normBeforeDrop'),
    ...off(fields.zeroExperts > 0, 'zeroExpertKind'),
    ...off(!identity, 'applyRouterWeightOnInput'),
  };
}

/**
 * A spec of calls with such a router; K and E grow until it can be had.
 * @param fields useful ones
 */
export function routerSpec(fields: RouterFields, spec: ExampleSpec): ExampleSpec {
  const { selection, nGroup, topkGroup, zeroExperts, sharedExperts, gatingDtype } = fields;
  const topK = selection === 'sparsemixer' ? 2 : spec.topK;
  // So many that each group has enough, and that some experts have weights.
  const size = Math.max(Math.ceil(spec.numExperts / nGroup), Math.ceil(topK / topkGroup));
  const numExperts = Math.max(size * nGroup, (Math.floor(zeroExperts / nGroup) + 1) * nGroup);
  const identity = zeroExperts > 0 && fields.zeroExpertKind === 'identity';
  const weighed = fields.applyRouterWeightOnInput;
  return {
    ...spec,
    topK,
    numExperts,
    zeroExperts,
    sharedExperts,
    ...(gatingDtype === 'float32' ? {} : { gatingDtype }),
    options: {
      ...spec.options,
      router: { ...toRouter(fields), topK },
      ...(weighed ? { applyRouterWeightOnInput: true, normTopkProb: false } : {}),
    },
    tensors: [
      ...tensorsOf(fields),
      ...(identity ? (['x'] as const) : []),
      ...(weighed ? (['expertScalesFloat'] as const) : []),
    ],
  };
}

function toRouter(fields: RouterFields): Omit<Router, 'topK'> {
  const { selection, zeroExperts, zeroExpertKind } = fields;
  const names = [
    'scoringFunc',
    'nGroup',
    'topkGroup',
    'groupScoreFunc',
    'normTopkProb',
    'normEps',
    'routedScalingFactor',
    'applyRouterWeightOnInput',
    'jitterEps',
    'expertCapacity',
    'dropPolicy',
    'normBeforeDrop',
  ] as const;
  const grouped = fields.nGroup > 1;
  const said = names.filter(
    (name) =>
      fields[name] !== PLAIN[name] || (grouped && (name === 'topkGroup' || name === 'groupScoreFunc')),
  );
  return {
    ...Object.fromEntries(said.map((name) => [name, fields[name]])),
    ...(selection === 'sparsemixer' ? { selection } : {}),
    ...(zeroExperts > 0 ? { zeroExperts: { count: zeroExperts, kind: zeroExpertKind } } : {}),
  };
}

function tensorsOf(fields: RouterFields): RouterTensorName[] {
  const given: { readonly [Name in RouterTensorName]: boolean } = {
    eScoreCorrectionBias: fields.bias,
    perExpertScale: fields.perExpertScale,
    globalScale: fields.globalScale,
    sharedLogits: fields.sharedExperts > 0,
    expertIds: fields.selection === 'given',
    tokenMask: fields.tokenMask,
  };
  return (Object.keys(given) as RouterTensorName[]).filter((name) => given[name]);
}
