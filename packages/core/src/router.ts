/*
 * How experts are chosen and what their weights are (docs/semantics.md, "Routers"). Handle each list exhaustively, with a
 * `Record<…>` or a `switch`, so that a new member cannot be mistaken for an old one.
 */

/** The function that makes scores of gating values. */
export const SCORING_FUNCS = ['softmax', 'sigmoid', 'sqrtsoftplus', 'none'] as const;
/**
 * Who chooses the experts: `topk` the best K; `one_per_group` the best of each of K groups, which is Paddle's `groupMoe`;
 * `sparsemixer` as PhiMoE does; `given` the caller, in `expertIds`.
 */
export const SELECTIONS = ['topk', 'one_per_group', 'sparsemixer', 'given'] as const;
/** What a group is ranked by: its best expert, or the sum of its two best scores. */
export const GROUP_SCORE_FUNCS = ['max', 'top2_sum'] as const;
/** What the last experts, which have no weights, do: return the token's row, or nothing. */
export const ZERO_EXPERT_KINDS = ['identity', 'skip'] as const;
/** Who comes first where experts have a capacity: the earlier token, or the one with the higher best score. */
export const DROP_POLICIES = ['position', 'probs'] as const;

/** One of {@link SCORING_FUNCS}. */
export type ScoringFunc = (typeof SCORING_FUNCS)[number];
/** One of {@link SELECTIONS}. */
export type Selection = (typeof SELECTIONS)[number];
/** One of {@link GROUP_SCORE_FUNCS}. */
export type GroupScoreFunc = (typeof GROUP_SCORE_FUNCS)[number];
/** One of {@link ZERO_EXPERT_KINDS}. */
export type ZeroExpertKind = (typeof ZERO_EXPERT_KINDS)[number];
/** One of {@link DROP_POLICIES}. */
export type DropPolicy = (typeof DROP_POLICIES)[number];

/**
 * A model's router as one plain object, which JSON can hold. `routerFromConfig` of `@moe-dispatch/models` makes it from a
 * model's `config.json`. Tensors stand beside it: {@link RouterTensors}.
 */
export interface Router {
  /** K: experts chosen for each token, 1 ≤ K ≤ E. */
  topK: number;
  /** Makes scores of gating values. Default `softmax`. */
  scoringFunc?: ScoringFunc | undefined;
  /** Groups of neighbouring experts. Experts are chosen only in the best `topkGroup` of them. Default 1. */
  nGroup?: number | undefined;
  /** Groups that are kept. Default: all. */
  topkGroup?: number | undefined;
  /** What groups are ranked by. Required if some groups are not kept. */
  groupScoreFunc?: GroupScoreFunc | undefined;
  /** Divide the weights by their sum. Default false. */
  normTopkProb?: boolean | undefined;
  /** Added to that sum, as float32. Default 0. */
  normEps?: number | undefined;
  /** Factor on every weight, as float32. Default 1. */
  routedScalingFactor?: number | undefined;
  /** The last `count` experts have no weights. Default none. */
  zeroExperts?: { count: number; kind: ZeroExpertKind } | undefined;
  /** Multiply rows by their weights on their way to the experts; moeReduce then takes weights of 1. Default false. */
  applyRouterWeightOnInput?: boolean | undefined;
  /** `sparsemixer`: PhiMoE's two choices, each with a softmax of its own. Default `topk`. */
  selection?: 'topk' | 'sparsemixer' | undefined;
  /** Of `sparsemixer`, as float32, at least 0. Default 0. */
  jitterEps?: number | undefined;
  /** Choices that an expert takes; those beyond it are dropped. Default: any number. */
  expertCapacity?: number | undefined;
  /** Who comes first. Default `position`. */
  dropPolicy?: DropPolicy | undefined;
  /** Whether the sum of normTopkProb has the choices that are dropped afterwards. Default false. */
  normBeforeDrop?: boolean | undefined;
}

/** Paddle's arguments that say how to route, in camelCase. */
export interface PaddleRouterOptions {
  /** K: experts chosen for each token, 1 ≤ K ≤ E. */
  moeTopk: number;
  /** Choose one expert in each of K groups of E / K neighbours. Default false. */
  groupMoe?: boolean | undefined;
  /** The scales are the chosen gating values themselves, without a softmax. Default false. */
  topkOnlyMode?: boolean | undefined;
}

/** How to route: Paddle's arguments, or a {@link Router}. */
export type RouterOptions =
  | (PaddleRouterOptions & { router?: undefined })
  | { router: Router; moeTopk?: undefined; groupMoe?: undefined; topkOnlyMode?: undefined };

/** A router as attributes of a call: every option with its value, checked. */
export interface RouterAttributes {
  scoringFunc: ScoringFunc;
  selection: Selection;
  /** With `one_per_group` K. 1 if all groups are kept. */
  nGroup: number;
  topkGroup: number;
  groupScoreFunc: GroupScoreFunc;
  normTopkProb: boolean;
  /** A float32 value. */
  normEps: number;
  /** A float32 value. */
  routedScalingFactor: number;
  zeroExpertKind: ZeroExpertKind;
  applyRouterWeightOnInput: boolean;
  /** A float32 value. */
  jitterEps: number;
  /** 0: any number. */
  expertCapacity: number;
  dropPolicy: DropPolicy;
  normBeforeDrop: boolean;
}
