import { DTYPES, type FloatDType, type ReduceCall, ResourceError } from '@moe-dispatch/core';
import type { DeviceLimits } from '../device-limits.js';
import { gatherChoices } from '../kernels/gather-choices.wgsl.js';
import { reduceRows } from '../kernels/reduce-rows.wgsl.js';
import type { RowLayout } from '../kernels/row-units.wgsl.js';
import { weighChoices } from '../kernels/weigh-choices.wgsl.js';
import {
  fitsBinding,
  rowsOf,
  type Segment,
  segments,
  type View,
  wholeView,
  wordsPerBinding,
} from '../segments.js';
import type { Steps } from '../steps.js';
import type { WebGpuTensor } from '../webgpu-tensor.js';

/** How many choices to load together: the first of these that divides K. */
const UNROLLS = [4, 3, 2, 1];

type Call = ReduceCall<WebGpuTensor>;

/** A cut of the output that one dispatch computes, with the tokens it touches. */
interface Cut {
  readonly output: Segment;
  readonly firstToken: number;
  readonly endToken: number;
  /** The inverse map as bound: whole, or the cut's tokens copied together. */
  readonly indices: Segment;
  readonly indicesStride: number;
  readonly indicesToken: number;
}

/** Sums each token's weighted rows, cut so that everything fits its binding. */
export function reduce(steps: Steps, call: Call): void {
  if (call.output.byteLength === 0) return;
  const { limits } = steps.device;
  const gathered = !fitsBinding(call.ffnOut, limits);
  const gatheredBias = call.ffn2Bias !== null && !fitsBinding(call.ffn2Bias, limits);
  const outputs = cutOutput(steps, call, gathered || gatheredBias);
  // One cut after the other uses the same scratch memory.
  const scratchBytes = call.topK * Math.max(...outputs.map(({ count }) => count)) * 4;
  const scratch = gathered ? steps.workspace(scratchBytes) : null;
  const biasScratch = gatheredBias ? steps.workspace(scratchBytes) : null;
  const weights = isWeighed(call) ? steps.workspace(call.expertScalesFloat.byteLength) : null;
  for (const output of outputs) {
    const cut = cutTokens(steps, call, output);
    if (weights !== null) weigh(steps, call, cut, weights);
    const ffnOut = scratch ? gather(steps, call, cut, call.ffnOut, scratch) : wholeView(call.ffnOut);
    const { ffn2Bias } = call;
    const bias =
      ffn2Bias && (biasScratch ? gather(steps, call, cut, ffn2Bias, biasScratch) : wholeView(ffn2Bias));
    dispatchCut(steps, call, cut, {
      ...{ ffnOut, bias, gathered, gatheredBias },
      weights: weights ?? call.expertScalesFloat,
    });
  }
}

/** Whether the weights are others than the scales. */
function isWeighed({ normTopkProb, routedScalingFactor }: Call): boolean {
  return normTopkProb || Math.fround(routedScalingFactor) !== 1;
}

/** Makes the weights of the cut's tokens. */
function weigh(steps: Steps, call: Call, cut: Cut, weights: View): void {
  const { topK, normTopkProb, routedScalingFactor, expertScalesFloat } = call;
  const choices = (cut.endToken - cut.firstToken) * topK;
  steps.dispatch(
    weighChoices(normTopkProb),
    { scales: tokenCut(expertScalesFloat, topK, cut), weights: tokenCut(weights, topK, cut) },
    {
      ...{ first_choice: cut.firstToken * topK, choices, topk_width: topK },
      factor: floatBits(routedScalingFactor),
    },
    Math.ceil(choices / steps.device.workgroupSize),
  );
}

interface Sources {
  readonly weights: View;
  readonly ffnOut: Segment;
  readonly bias: Segment | null;
  readonly gathered: boolean;
  readonly gatheredBias: boolean;
}

function dispatchCut(steps: Steps, call: Call, cut: Cut, sources: Sources): void {
  const { workgroupSize, arithmetic } = steps.device;
  const { tokens, topK, hidden } = call;
  const dtype = call.output.dtype as FloatDType;
  const layout = rowLayout(call, sources);
  const unitWords = layout === 'vectors' ? 4 : 1;
  const kernel = reduceRows({
    ...{
      arithmetic,
      dtype,
      layout,
      unroll: arithmetic === 'integers' ? 1 : UNROLLS.find((n) => topK % n === 0)!,
    },
    ...{ bias: sources.bias !== null, gathered: sources.gathered, gatheredBias: sources.gatheredBias },
  });
  const row_elements = layout === 'split' ? hidden : (hidden * DTYPES[dtype].bytes) / (4 * unitWords);
  const units = Math.ceil(cut.output.count / unitWords);
  steps.dispatch(
    kernel,
    {
      ...{ ffn_out: sources.ffnOut, indices: cut.indices, output: cut.output },
      weights: tokenCut(sources.weights, topK, cut),
      ...(sources.bias && { topk: tokenCut(call.topKIndices, topK, cut), bias: sources.bias }),
    },
    {
      ...{ row_elements, total_elements: row_elements * tokens, topk_width: topK, units },
      ...{ total_rows: topK * tokens, experts: call.numExperts, zero: 0 },
      ...{ first_unit: cut.output.first / unitWords, indices_stride: cut.indicesStride },
      indices_token: cut.indicesToken,
    },
    Math.ceil(units / workgroupSize),
  );
}

function rowLayout({ hidden, output, ffnOut, ffn2Bias }: Call, sources: Sources): RowLayout {
  const rowBytes = hidden * DTYPES[output.dtype].bytes;
  if (rowBytes % 4 !== 0) return 'split';
  const gathered = sources.gathered || sources.gatheredBias;
  const tensors = ffn2Bias === null ? [output, ffnOut] : [output, ffnOut, ffn2Bias];
  const vectors =
    rowBytes % 16 === 0 && !gathered && tensors.every(({ byteOffset }) => byteOffset % 16 === 0);
  return vectors ? 'vectors' : 'words';
}

/** Cuts of the output, small enough that the tokens' scales and, gathered, all their rows fit a binding each. */
function cutOutput({ device }: Steps, call: Call, gathered: boolean): Segment[] {
  const { limits } = device;
  const { topK, output } = call;
  const rowWords = output.byteLength / 4 / call.tokens;
  // So many tokens' scales fit; a cut touches one token more than it has whole rows, and a word can touch two.
  const tokens = Math.floor(wordsPerBinding(limits) / topK);
  checkRoom(tokens, topK, limits);
  const forScales = Math.max(1, Math.floor((tokens - 1) * rowWords));
  const most = gathered ? Math.min(tokens, forScales) : forScales;
  // Whole vectors, where there are any.
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

/** With fewer than two tokens a binding there is no way to cut. */
function checkRoom(tokens: number, topK: number, limits: DeviceLimits): void {
  if (tokens >= 2) return;
  throw new ResourceError('LIMIT_EXCEEDED', {
    argument: 'expertScalesFloat',
    found: `rows of ${topK * 4} bytes`,
    expected: `two rows in maxStorageBufferBindingSize = ${limits.maxStorageBufferBindingSize}, less its alignment`,
  });
}

function cutTokens(steps: Steps, call: Call, output: Segment): Cut {
  const { tokens, topK, hidden } = call;
  const perWord = 4 / DTYPES[call.output.dtype].bytes;
  const firstToken = Math.floor((output.first * perWord) / hidden);
  const endToken = Math.min(Math.ceil(((output.first + output.count) * perWord) / hidden), tokens);
  const map = call.permuteIndicesPerToken;
  const range = { output, firstToken, endToken };
  if (fitsBinding(map, steps.device.limits)) {
    return { ...range, indices: wholeView(map), indicesStride: tokens, indicesToken: 0 };
  }
  const count = endToken - firstToken;
  const copy = steps.workspace(topK * count * 4);
  for (let k = 0; k < topK; k++) {
    const from = { buffer: map.buffer, offset: map.byteOffset + (k * tokens + firstToken) * 4 };
    steps.copy(from, { buffer: copy.buffer, offset: k * count * 4 }, count * 4);
  }
  return { ...range, indices: wholeView(copy), indicesStride: count, indicesToken: firstToken };
}

/** The words that the cut needs of a tensor too large to bind, one stretch for each choice. */
function gather(steps: Steps, call: Call, cut: Cut, source: WebGpuTensor, scratch: View): Segment {
  const { device } = steps;
  const { tokens, topK, hidden } = call;
  const ofBias = source === call.ffn2Bias;
  const gathered = { view: scratch, first: 0, count: topK * cut.output.count };
  const word_elements = 4 / DTYPES[source.dtype].bytes;
  for (const part of segments(source, device.limits)) {
    steps.dispatch(
      gatherChoices,
      { indices: ofBias ? tokenCut(call.topKIndices, topK, cut) : cut.indices, source: part, gathered },
      {
        ...{ row_elements: hidden, total_elements: tokens * hidden, word_elements, topk_width: topK },
        ...{
          first_word: cut.output.first,
          words: cut.output.count,
          total_rows: ofBias ? call.numExperts : topK * tokens,
        },
        ...{ choice_stride: ofBias ? 1 : cut.indicesStride, token_stride: ofBias ? topK : 1 },
        ...{
          indices_token: ofBias ? 0 : cut.indicesToken,
          source_first: part.first,
          source_count: part.count,
        },
      },
      Math.ceil((topK * cut.output.count) / device.workgroupSize),
    );
  }
  return gathered;
}

function tokenCut(view: View, columns: number, { firstToken, endToken }: Cut): Segment {
  return rowsOf(view, columns, firstToken, endToken);
}

function floatBits(value: number): number {
  return new Uint32Array(new Float32Array([value]).buffer)[0];
}
