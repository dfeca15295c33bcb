import { DTYPES, type FloatDType } from '@moe-dispatch/core';
import type { Call } from '@moe-dispatch/core/backend';
import { gatherChoices } from '../kernels/gather-choices.wgsl.js';
import { reduceRows } from '../kernels/reduce-rows.wgsl.js';
import type { RowLayout } from '../kernels/row-units.wgsl.js';
import { weighChoices } from '../kernels/weigh-choices.wgsl.js';
import type { Schedule } from '../schedule.js';
import {
  fitsBinding,
  rowsOf,
  rowsPerBinding,
  type Segment,
  segments,
  type View,
  wholeView,
  wordsPerBinding,
} from '../segments.js';
import { floatBits } from './float-bits.js';

/** How many choices to load together: the first of these that divides K. */
const UNROLLS = [4, 3, 2, 1];

type ReduceCall = Call<'moeReduce', View>;

/** A cut of the output that one launch computes, with the tokens it touches. */
interface Cut {
  readonly output: Segment;
  /** The part of a tensor [T, K] that belongs to these tokens. */
  readonly choicesOf: (view: View) => Segment;
  /** The inverse map as bound: whole, or the cut's tokens copied together. */
  readonly map: Segment;
  readonly mapStride: number;
  readonly mapToken: number;
}

/** Sums each token's weighted rows, cut so that everything fits its binding. */
export function moeReduce(schedule: Schedule, call: ReduceCall): void {
  if (call.output.byteLength === 0) return;
  const { limits } = schedule.device;
  const { ffnOut, ffn2Bias } = call;
  const largeRows = !fitsBinding(ffnOut, limits);
  const largeBias = ffn2Bias !== null && !fitsBinding(ffn2Bias, limits);
  const outputs = cutOutput(schedule, call, largeRows || largeBias);
  // One cut after the other uses the same workspace.
  const gatheredBytes = call.topK * Math.max(...outputs.map(({ count }) => count)) * 4;
  const rowsSpace = largeRows ? schedule.workspace(gatheredBytes) : null;
  const biasSpace = largeBias ? schedule.workspace(gatheredBytes) : null;
  const weights = isWeighed(call) ? schedule.workspace(call.expertScalesFloat.byteLength) : null;
  for (const output of outputs) {
    const cut = cutTokens(schedule, call, output);
    if (weights !== null) weigh(schedule, call, cut, weights);
    launchCut(schedule, call, cut, {
      weights: weights ?? call.expertScalesFloat,
      ffnOut: gather(schedule, call, cut, ffnOut, rowsSpace),
      bias: ffn2Bias && gather(schedule, call, cut, ffn2Bias, biasSpace),
    });
  }
}

/** Whether the weights are others than the scales. */
function isWeighed({ normTopkProb, routedScalingFactor, applyRouterWeightOnInput }: ReduceCall): boolean {
  return normTopkProb || applyRouterWeightOnInput || Math.fround(routedScalingFactor) !== 1;
}

/** Makes the weights of the cut's tokens. */
function weigh(schedule: Schedule, call: ReduceCall, cut: Cut, weights: View): void {
  const { topK, normTopkProb, routedScalingFactor, applyRouterWeightOnInput, expertScalesFloat } = call;
  const scales = cut.choicesOf(expertScalesFloat);
  schedule.launch(
    weighChoices(applyRouterWeightOnInput ? 'ones' : normTopkProb ? 'normalised' : 'given'),
    { expert_scales_float: scales, weights: cut.choicesOf(weights) },
    { top_k: topK, factor: floatBits(routedScalingFactor) },
    scales.count / schedule.device.workgroupSize,
  );
}

/** Rows to read: of the whole tensor, or those that the cut needs, gathered. */
interface Rows {
  readonly segment: Segment;
  readonly gathered: boolean;
}

interface Sources {
  readonly weights: View;
  readonly ffnOut: Rows;
  readonly bias: Rows | null;
}

function launchCut(schedule: Schedule, call: ReduceCall, cut: Cut, { weights, ffnOut, bias }: Sources): void {
  const { workgroupSize, arithmetic } = schedule.device;
  const { tokens, topK, hidden } = call;
  const dtype = call.dtype as FloatDType;
  const layout = rowLayout(call, ffnOut.gathered || bias?.gathered === true);
  const unitWords = layout === 'vectors' ? 4 : 1;
  const unroll = arithmetic === 'integers' ? 1 : UNROLLS.find((n) => topK % n === 0)!;
  const options = { arithmetic, dtype, layout, unroll, gathered: ffnOut.gathered };
  const row_elements = layout === 'split' ? hidden : (hidden * DTYPES[dtype].bytes) / (4 * unitWords);
  const { x } = call;
  schedule.launch(
    reduceRows({ ...options, bias: bias && { gathered: bias.gathered }, identity: x !== null }),
    {
      ...{ ffn_out: ffnOut.segment, permute_indices_per_token: cut.map, output: cut.output },
      weights: cut.choicesOf(weights),
      top_k_indices: bias || x ? cut.choicesOf(call.topKIndices) : null,
      ffn2_bias: bias ? bias.segment : null,
      // Of the rows of x, a cut needs what it writes of the output.
      x: x && { ...cut.output, view: x },
    },
    {
      ...{ row_elements, total_elements: row_elements * tokens, top_k: topK, total_rows: topK * tokens },
      ...{ minus_zero: 0x80000000, map_stride: cut.mapStride, map_token: cut.mapToken },
      experts: call.numExperts,
    },
    cut.output.count / unitWords / workgroupSize,
  );
}

function rowLayout({ hidden, dtype, output, ffnOut, ffn2Bias, x }: ReduceCall, gathered: boolean): RowLayout {
  const rowBytes = hidden * DTYPES[dtype].bytes;
  if (rowBytes % 4 !== 0) return 'split';
  const aligned = [output, ffnOut, ffn2Bias, x].every((view) => view === null || view.byteOffset % 16 === 0);
  const vectors = rowBytes % 16 === 0 && !gathered && aligned;
  return vectors ? 'vectors' : 'words';
}

/** Cuts of the output, small enough that the tokens' scales and, gathered, all their rows fit a binding each. */
function cutOutput({ device }: Schedule, call: ReduceCall, gathered: boolean): Segment[] {
  const { limits } = device;
  const { topK, output, x } = call;
  const rowWords = output.byteLength / 4 / call.tokens;
  // So many tokens' scales fit; a cut touches one token more than it has whole rows, and a word can touch two.
  // With fewer than two there is no way to cut.
  const tokens = rowsPerBinding(limits, topK, 2, 'expertScalesFloat');
  const forScales = Math.max(1, Math.floor((tokens - 1) * rowWords));
  // x may lie otherwise than the output.
  const forX = x === null ? forScales : Math.min(forScales, wordsPerBinding(limits));
  const most = gathered ? Math.min(tokens, forX) : forX;
  // Whole vectors, if there are any.
  const step = most < 4 ? most : most - (most % 4);
  const cuts: Segment[] = [];
  for (const whole of segments(output, limits)) {
    const end = whole.first + whole.count;
    for (let first = whole.first; first < end; first += step) {
      cuts.push({ view: output, first, count: Math.min(step, end - first) });
    }
  }
  return cuts;
}

function cutTokens(schedule: Schedule, call: ReduceCall, output: Segment): Cut {
  const { tokens, topK, hidden } = call;
  const perWord = 4 / DTYPES[call.dtype].bytes;
  const firstToken = Math.floor((output.first * perWord) / hidden);
  const endToken = Math.min(Math.ceil(((output.first + output.count) * perWord) / hidden), tokens);
  const map = call.permuteIndicesPerToken;
  const range = { output, choicesOf: (view: View) => rowsOf(view, topK, firstToken, endToken) };
  if (fitsBinding(map, schedule.device.limits)) {
    return { ...range, map: wholeView(map), mapStride: tokens, mapToken: 0 };
  }
  const count = endToken - firstToken;
  const copy = schedule.workspace(topK * count * 4);
  for (let k = 0; k < topK; k++) {
    schedule.copy(
      { view: map, first: k * tokens + firstToken, count },
      { view: copy, first: k * count, count },
    );
  }
  return { ...range, map: wholeView(copy), mapStride: count, mapToken: firstToken };
}

/** The rows of a tensor; if there is a workspace, only the words that the cut needs, one stretch for each choice. */
function gather(schedule: Schedule, call: ReduceCall, cut: Cut, source: View, workspace: View | null): Rows {
  if (workspace === null) return { segment: wholeView(source), gathered: false };
  const { limits, workgroupSize } = schedule.device;
  const { tokens, topK, hidden, numExperts } = call;
  const { first: first_word, count: words } = cut.output;
  const gathered = { view: workspace, first: 0, count: topK * words };
  const chosen =
    source === call.ffn2Bias
      ? { rows: cut.choicesOf(call.topKIndices), total: numExperts, strides: [1, topK], token: 0 }
      : { rows: cut.map, total: topK * tokens, strides: [cut.mapStride, 1], token: cut.mapToken };
  const [choice_stride, token_stride] = chosen.strides;
  const params = {
    ...{ row_elements: hidden, total_elements: tokens * hidden, top_k: topK, first_word, words },
    ...{ word_elements: 4 / DTYPES[call.dtype].bytes, total_rows: chosen.total },
    ...{ choice_stride, token_stride, first_token: chosen.token },
  };
  for (const part of segments(source, limits)) {
    schedule.launch(
      gatherChoices,
      { chosen: chosen.rows, source: part, gathered },
      params,
      (topK * words) / workgroupSize,
    );
  }
  return { segment: gathered, gathered: true };
}
