import type { ModelRouter, RouterTensor } from '../src/index.js';
import type { Recorded } from './recorded.js';

/** What the options of the contract's reference are called there, and what they are if they are not given. */
const REFERENCE = {
  scoring_func: 'softmax',
  score_after_topk: false,
  correction_bias: false,
  n_group: 1,
  topk_group: 1,
  group_score_func: null as 'max' | 'top2_sum' | null,
  norm_topk_prob: false,
  norm_p: 1,
  norm_eps: 0,
  norm_eps_mode: 'add',
  routed_scaling_factor: 1,
  output_scaling_factor: 1,
  per_expert_scale: false,
  apply_router_weight_on_input: false,
  router_logit_softcapping: 0,
  zero_experts: 0,
  zero_expert_type: null as 'identity' | 'null' | null,
  shared_logits: false,
  global_scale: false,
  selection: 'topk',
  jitter_eps: 0,
  expert_capacity: 0,
  drop_policy: 'position',
  norm_before_drop: false,
};

/** What routerFromConfig should make of the file's config: its `router`, in this library's options. */
export function translate({ router, tensors }: Recorded) {
  const unknown = Object.keys(router).filter((name) => name !== 'top_k' && !Object.hasOwn(REFERENCE, name));
  if (unknown.length > 0) throw new Error(`options that nobody translates: ${unknown}`);
  const o = { ...REFERENCE, ...(router as Partial<typeof REFERENCE>) };
  if (o.norm_p !== 1) throw new Error(`norm_p is ${o.norm_p}`);
  return {
    numExperts: tensors.get('router_logits')!.shape[1],
    router: {
      topK: router.top_k,
      ...withoutDefault('scoringFunc', o.scoring_func, 'softmax'),
      ...(o.n_group > 1
        ? { nGroup: o.n_group, topkGroup: o.topk_group, groupScoreFunc: o.group_score_func }
        : {}),
      ...normalisation(o),
      ...withoutDefault('routedScalingFactor', o.routed_scaling_factor, 1),
      ...withoutDefault('applyRouterWeightOnInput', o.apply_router_weight_on_input, false),
      ...(o.zero_experts > 0
        ? {
            zeroExperts: { count: o.zero_experts, kind: o.zero_expert_type === 'null' ? 'skip' : 'identity' },
          }
        : {}),
      ...(o.selection === 'sparsemixer' ? { selection: o.selection, jitterEps: o.jitter_eps } : {}),
      ...withoutDefault('expertCapacity', o.expert_capacity, 0),
      ...withoutDefault('dropPolicy', o.drop_policy, 'position'),
      ...withoutDefault('normBeforeDrop', o.norm_before_drop, false),
    },
    logits: o.router_logit_softcapping > 0 ? { softCap: o.router_logit_softcapping } : {},
    outputScalingFactor: o.output_scaling_factor,
  } as Pick<ModelRouter, 'numExperts' | 'router' | 'logits' | 'outputScalingFactor'>;
}

/** Which tensors the file's router needs. */
export function tensorsOf({ router }: Recorded): RouterTensor[] {
  const needs: [RouterTensor, boolean][] = [
    ['eScoreCorrectionBias', router.correction_bias === true],
    ['perExpertScale', router.per_expert_scale === true],
    ['globalScale', router.global_scale === true],
    ['sharedLogits', router.shared_logits === true],
    ['expertIds', router.selection === 'given'],
  ];
  return needs.filter(([, needed]) => needed).map(([name]) => name);
}

/** A softmax of the chosen logits is one of all, divided by the sum. A sum that is too small divides by nothing here. */
function normalisation(o: typeof REFERENCE) {
  const softmaxOfChosen = o.score_after_topk && o.scoring_func === 'softmax';
  if (!o.norm_topk_prob && !o.shared_logits && !softmaxOfChosen) return {};
  const normEps = o.norm_eps_mode === 'clamp' ? 0 : o.norm_eps;
  return { normTopkProb: true, ...withoutDefault('normEps', normEps, 0) };
}

function withoutDefault(name: string, value: unknown, byDefault: unknown) {
  return value === byDefault ? {} : { [name]: value };
}
