import { DTYPES, type FloatDType, ResourceError } from '@moe-dispatch/core';
import type { Call as OperationCall } from '@moe-dispatch/core/backend';
import type { DeviceLimits } from '../device-limits.js';
import { gatherChoices } from '../kernels/gather-choices.wgsl.js';
import { reduceRows } from '../kernels/reduce-rows.wgsl.js';
import type { RowLayout } from '../kernels/row-elements.wgsl.js';
import type { Schedule } from '../schedule.js';
import {
  fitsBinding,
  rowsOf,
  type Segment,
  segments,
  type View,
  wholeView,
  wordsPerBinding,
} from '../segments.js';

/** How many choices to load together: the first of these that divides K. */
const UNROLLS = [4, 3, 2, 1];

type Call = OperationCall<'moeReduce', View>;

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

/** Sums each token's rows, cut so that everything fits its binding. */
export function moeReduce(schedule: Schedule, call: Call): void {
  if (call.output.byteLength === 0) return;
  const { limits } = schedule.device;
  const gathered = !fitsBinding(call.ffnOut, limits);
  const gatheredBias = call.ffn2Bias !== null && !fitsBinding(call.ffn2Bias, limits);
  const outputs = cutOutput(schedule, call, gathered || gatheredBias);
  // One cut after the other uses the same workspace.
  const workspaceBytes = call.topK * Math.max(...outputs.map(({ count }) => count)) * 4;
  const workspace = gathered ? schedule.workspace(workspaceBytes) : null;
  const biasWorkspace = gatheredBias ? schedule.workspace(workspaceBytes) : null;
  for (const output of outputs) {
    const cut = cutTokens(schedule, call, output);
    const ffnOut = workspace ? gather(schedule, call, cut, call.ffnOut, workspace) : wholeView(call.ffnOut);
    const { ffn2Bias } = call;
    const bias =
      ffn2Bias &&
      (biasWorkspace ? gather(schedule, call, cut, ffn2Bias, biasWorkspace) : wholeView(ffn2Bias));
    launchCut(schedule, call, cut, { ffnOut, bias, gathered, gatheredBias });
  }
}

interface Sources {
  readonly ffnOut: Segment;
  readonly bias: Segment | null;
  readonly gathered: boolean;
  readonly gatheredBias: boolean;
}

function launchCut(schedule: Schedule, call: Call, cut: Cut, sources: Sources): void {
  const { workgroupSize } = schedule.device;
  const { tokens, topK, hidden, normTopkProb } = call;
  const dtype = call.dtype as FloatDType;
  const layout = rowLayout(call, sources);
  const unitWords = layout === 'vectors' ? 4 : 1;
  const kernel = reduceRows({
    ...{ dtype, layout, unroll: UNROLLS.find((n) => topK % n === 0)!, norm: normTopkProb },
    ...{ bias: sources.bias !== null, gathered: sources.gathered, gatheredBias: sources.gatheredBias },
  });
  const row_elements = layout === 'split' ? hidden : (hidden * DTYPES[dtype].bytes) / (4 * unitWords);
  const units = Math.ceil(cut.output.count / unitWords);
  schedule.launch(
    kernel,
    {
      ...{ ffn_out: sources.ffnOut, indices: cut.indices, output: cut.output },
      scales: tokenCut(call.expertScalesFloat, topK, cut),
      ...(sources.bias && { topk: tokenCut(call.topKIndices, topK, cut), bias: sources.bias }),
    },
    {
      ...{ row_elements, total_elements: row_elements * tokens, topk_width: topK, units },
      ...{ total_rows: topK * tokens, experts: call.numExperts, factor: floatBits(call.routedScalingFactor) },
      ...{ first_unit: cut.output.first / unitWords, indices_stride: cut.indicesStride },
      indices_token: cut.indicesToken,
    },
    Math.ceil(units / workgroupSize),
  );
}

function rowLayout({ hidden, dtype, output, ffnOut, ffn2Bias }: Call, sources: Sources): RowLayout {
  const rowBytes = hidden * DTYPES[dtype].bytes;
  if (rowBytes % 4 !== 0) return 'split';
  const gathered = sources.gathered || sources.gatheredBias;
  const tensors = ffn2Bias === null ? [output, ffnOut] : [output, ffnOut, ffn2Bias];
  const vectors =
    rowBytes % 16 === 0 && !gathered && tensors.every(({ byteOffset }) => byteOffset % 16 === 0);
  return vectors ? 'vectors' : 'words';
}

/** Cuts of the output, small enough that the tokens' scales and, gathered, all their rows fit a binding each. */
function cutOutput({ device }: Schedule, call: Call, gathered: boolean): Segment[] {
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

function cutTokens(schedule: Schedule, call: Call, output: Segment): Cut {
  const { tokens, topK, hidden } = call;
  const perWord = 4 / DTYPES[call.dtype].bytes;
  const firstToken = Math.floor((output.first * perWord) / hidden);
  const endToken = Math.min(Math.ceil(((output.first + output.count) * perWord) / hidden), tokens);
  const map = call.permuteIndicesPerToken;
  const range = { output, firstToken, endToken };
  if (fitsBinding(map, schedule.device.limits)) {
    return { ...range, indices: wholeView(map), indicesStride: tokens, indicesToken: 0 };
  }
  const count = endToken - firstToken;
  const copy = schedule.workspace(topK * count * 4);
  for (let k = 0; k < topK; k++) {
    schedule.copy(
      { view: map, first: k * tokens + firstToken, count },
      { view: copy, first: k * count, count },
    );
  }
  return { ...range, indices: wholeView(copy), indicesStride: count, indicesToken: firstToken };
}

/** The words that the cut needs of a tensor too large to bind, one stretch for each choice. */
function gather(schedule: Schedule, call: Call, cut: Cut, source: View, workspace: View): Segment {
  const { device } = schedule;
  const { tokens, topK, hidden } = call;
  const ofBias = source === call.ffn2Bias;
  const gathered = { view: workspace, first: 0, count: topK * cut.output.count };
  const word_elements = 4 / DTYPES[call.dtype].bytes;
  for (const part of segments(source, device.limits)) {
    schedule.launch(
      gatherChoices,
      { chosen: ofBias ? tokenCut(call.topKIndices, topK, cut) : cut.indices, source: part, gathered },
      {
        ...{ row_elements: hidden, total_elements: tokens * hidden, word_elements, top_k: topK },
        ...{
          first_word: cut.output.first,
          words: cut.output.count,
          total_rows: ofBias ? call.numExperts : topK * tokens,
        },
        ...{ choice_stride: ofBias ? 1 : cut.indicesStride, token_stride: ofBias ? topK : 1 },
        ...{
          first_token: ofBias ? 0 : cut.indicesToken,
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
