/** How a token's experts are chosen, and what the weights of the choices are: docs/semantics.md, "The router". */
export interface Router {
  /** K: experts chosen for each token. */
  topK: number;
  /** What makes scores of the logits. Default `softmax`. */
  scoringFunc?: 'softmax' | 'sigmoid' | 'sqrtsoftplus' | 'none';
  /** G: choose only among the experts of the best groups of G. Default 1. */
  nGroup?: number;
  /** How many groups those are. Default 1. */
  topkGroup?: number;
  /** What ranks the groups: their best choice value, or the sum of their two best. */
  groupScoreFunc?: 'max' | 'top2_sum';
  /** Divide a token's weights by their sum. Default false. */
  normTopkProb?: boolean;
  /** Added to that sum. Default 0. */
  normEps?: number;
  /** A factor of the weights. Default 1. */
  routedScalingFactor?: number;
  /** The last experts have no weights of their own. Default none. */
  zeroExperts?: { count: number; kind: 'identity' | 'skip' };
  /** Rows are multiplied before the experts, not after them. Default false. */
  applyRouterWeightOnInput?: boolean;
  /** Default `topk`. */
  selection?: 'topk' | 'sparsemixer';
  /** The tolerance of `sparsemixer`. */
  jitterEps?: number;
  /** Tokens that an expert takes. Default: all. */
  expertCapacity?: number;
  /** Who comes first where there is a capacity: earlier tokens, or those of higher scores. Default `position`. */
  dropPolicy?: 'position' | 'probs';
  /** Divide by the sum of all choices, dropped ones too. Default false. */
  normBeforeDrop?: boolean;
}
