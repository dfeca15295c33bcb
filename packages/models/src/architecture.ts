import type { Router } from '@moe-dispatch/core';
import type { Fields } from './fields.js';

/** The tensors that a router may need beside the logits, by core's names. */
export type RouterTensor =
  | 'eScoreCorrectionBias'
  | 'perExpertScale'
  | 'globalScale'
  | 'sharedLogits'
  | 'expertIds'
  | 'tokenMask';

/** What fields of the config do not say. */
export interface RouterFromConfigOptions {
  /** The layer's number, from 0, for models whose layers choose in different ways. */
  layer?: number | undefined;
  /** How many tokens a call has, for models whose experts take a share of them. */
  tokens?: number | undefined;
}

/** What a model's config says about its router. */
export interface ModelRouter {
  /** The architecture's name in transformers. */
  architecture: string;
  /** E: the width of the logits. Zero experts count, shared experts do not. */
  numExperts: number;
  /** What differs from the defaults. */
  router: Router;
  /**
   * The tensors that the router needs beside the logits, and of each the parameter that it is or is made from: its name
   * after the decoder layer's number in the state dict of transformers 5.17. Checkpoints of another origin may call it
   * otherwise.
   */
  tensors: Partial<Record<RouterTensor, string>>;
  /** What the caller does to the logits first: with `softCap` c, tanh(logits / c) · c. */
  logits: { softCap?: number };
  /** A factor of the sum of the experts, outside their weights: the `routedScalingFactor` of `moeReduce`. */
  outputScalingFactor: number;
  /** What else the model does before its router, in words. */
  before?: string;
  /** What else the model does with the sum of the experts, in words. */
  after?: string;
}

/** What the rows of the table leave open: found by a function, and put in place of what the row says. */
export type Refinement = Partial<
  Pick<ModelRouter, 'numExperts' | 'tensors' | 'logits' | 'outputScalingFactor'>
> & { router?: Partial<Router> };

/** A row of the table: what all models of an architecture share, and which fields have the rest. */
export interface Architecture {
  /** Values of `model_type` beside the architecture's name. */
  types?: readonly string[];
  /** Field of E. Default `num_experts`. */
  experts?: string;
  /** Field of K, or K itself. Default `num_experts_per_tok`. */
  topK?: string | number;
  scoringFunc?: 'sigmoid';
  /** Whether weights are divided by their sum, or the field that says so. Default false. */
  norm?: boolean | string;
  /** Added to that sum. */
  normEps?: number;
  /** Field of the weights' factor. */
  factor?: string;
  /** Field of the factor outside the weights. */
  outputFactor?: string;
  /** What ranks groups, and the field of their number. */
  groups?: { score: 'max' | 'top2_sum'; count: string };
  applyRouterWeightOnInput?: boolean;
  tensors?: Partial<Record<RouterTensor, string>>;
  before?: string;
  after?: string;
  refine?: (fields: Fields, options: RouterFromConfigOptions) => Refinement;
}
