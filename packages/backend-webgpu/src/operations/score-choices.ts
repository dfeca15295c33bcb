import { DTYPES, type FloatDType } from '@moe-dispatch/core';
import type { Call } from '@moe-dispatch/core/backend';
import { scoreChoices as scoreChoicesKernel } from '../kernels/score-choices.wgsl.js';
import { sparseMixer } from '../kernels/sparse-mixer.wgsl.js';
import type { Schedule } from '../schedule.js';
import { rowsOf, rowsPerBinding, type View } from '../segments.js';
import { floatBits } from './float-bits.js';

type RouteCall = Call<'routeTokens', View>;

/**
 * Scores the choices that are made, or the caller's.
 * @param tokenKeys gets a key of each token's largest score.
 */
export function scoreChoices(schedule: Schedule, call: RouteCall, tokenKeys: View | undefined): void {
  const { topK, numExperts, scoringFunc, expertIds } = call;
  const kernel = scoreChoicesKernel({
    ...{ gating: call.gatingDtype as FloatDType, scoringFunc },
    ...{ given: expertIds !== null, best: tokenKeys !== undefined },
  });
  for (const { first, end, bindings } of tokenRows(schedule, call)) {
    schedule.launch(
      kernel,
      {
        ...bindings,
        expert_ids: expertIds && rowsOf(expertIds, topK, first, end),
        token_keys: tokenKeys ? rowsOf(tokenKeys, 1, first, end) : null,
      },
      { first_token: first, end_token: end, experts: numExperts, top_k: topK },
      end - first,
    );
  }
}

/** The choices and weights of PhiMoE's router. */
export function mixSparsely(schedule: Schedule, call: RouteCall): void {
  const { numExperts, jitterEps } = call;
  for (const { first, end, bindings } of tokenRows(schedule, call)) {
    schedule.launch(
      sparseMixer(call.gatingDtype as FloatDType),
      bindings,
      { first_token: first, end_token: end, experts: numExperts, threshold: floatBits(2 * jitterEps) },
      end - first,
    );
  }
}

/** Ranges of tokens whose gating values and choices fit a binding each. */
export function tokenRows({ device }: Schedule, call: RouteCall) {
  const { tokens, numExperts, topK, gatingDtype } = call;
  // The choices, being fewer than the gating values, fit too.
  const step = rowsPerBinding(device.limits, numExperts, 1, 'gatingOutput');
  const cuts = [];
  for (let first = 0; first < tokens; first += step) {
    const end = Math.min(first + step, tokens);
    const bindings = {
      gating_output: rowsOf(call.gatingOutput, numExperts, first, end, DTYPES[gatingDtype].bytes),
      top_k_indices: rowsOf(call.topKIndices, topK, first, end),
      expert_scales_float: rowsOf(call.expertScalesFloat, topK, first, end),
    };
    cuts.push({ first, end, bindings });
  }
  return cuts;
}
