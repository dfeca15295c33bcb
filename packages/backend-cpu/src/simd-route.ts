import { type Call, SCORING_FUNCS, type Spec } from '@moe-dispatch/core/backend';
import { copyBytesOf, floatCode, type Kernels, ROUTE } from './kernels.js';
import { finishRouting } from './route.js';
import type { RouteWorkspace } from './route-workspace.js';
import type { CpuTensor } from './tensor.js';

type RouteCall = Call<'routeTokens', CpuTensor>;

/** Values that the kernel takes together. */
const BLOCK = 16;
/** Bytes that are copied in the time that a score takes. */
const EFFORT = 64;
/** Beyond it, the kernel's way to rank groups is slow. */
const MAX_GROUPS = 64;

/** Whether the kernel chooses these experts. */
export function simdRoutes({ selection, nGroup, dropPolicy, tensors }: Spec<'routeTokens'>): boolean {
  if (selection === 'one_per_group') return true;
  if (selection !== 'topk' || nGroup > MAX_GROUPS) return false;
  // Otherwise the largest score is not the first choice's.
  return dropPolicy !== 'probs' || (nGroup === 1 && !tensors.includes('eScoreCorrectionBias'));
}

/** ./route.ts in WebAssembly. */
export function simdRouteTokens(kernels: Kernels, call: RouteCall, workspace: RouteWorkspace): void {
  const { gatingOutput, eScoreCorrectionBias, topKIndices, expertScalesFloat } = call;
  // Each of the groups that give one choice is a row.
  const groups = call.selection === 'one_per_group' ? call.nGroup : 1;
  const nGroup = call.nGroup / groups;
  const columns = call.numExperts / groups;
  const picks = call.topK / groups;
  kernels.reserve(
    routeWorkspaceBytes(columns, picks, nGroup),
    copyBytesOf(gatingOutput) +
      copyBytesOf(eScoreCorrectionBias) +
      copyBytesOf(topKIndices) +
      copyBytesOf(expertScalesFloat),
  );
  const { fields } = kernels;
  const experts = kernels.place(topKIndices);
  const scores = kernels.place(expertScalesFloat);
  fields[6] = kernels.place(gatingOutput);
  fields[7] = experts;
  fields[8] = scores;
  fields[9] = kernels.place(eScoreCorrectionBias);
  fields[10] = columns;
  fields[11] = picks;
  fields[12] = SCORING_FUNCS.indexOf(call.scoringFunc);
  fields[13] = nGroup;
  fields[14] = call.topkGroup / groups;
  fields[15] = Number(nGroup > 1 && call.groupScoreFunc === 'top2_sum');
  fields[16] = floatCode(gatingOutput.dtype);
  fields[17] = groups;
  kernels.run(ROUTE, call.tokens * groups, call.tokens * call.numExperts * EFFORT);
  kernels.fetch(topKIndices, experts);
  kernels.fetch(expertScalesFloat, scores);
  if (call.dropPolicy === 'probs') rememberBest(call, workspace);
  finishRouting(call, workspace);
}

/** For a thread (wasm/route.ts). */
function routeWorkspaceBytes(columns: number, picks: number, nGroup: number): number {
  return (
    4 *
    (4 * wholeBlocks(columns) + 4 * wholeBlocks(picks) + wholeBlocks(nGroup) + wholeBlocks(columns / BLOCK))
  );
}

/** Elements in whole blocks, with one to spare. */
function wholeBlocks(elements: number): number {
  return (Math.ceil(elements / BLOCK) + 1) * BLOCK;
}

/** The first choices have the tokens' largest scores. */
function rememberBest({ tokens, topK, expertScalesFloat }: RouteCall, { bestScores }: RouteWorkspace): void {
  const scores = expertScalesFloat.padded as Float32Array;
  for (let token = 0; token < tokens; token++) bestScores[token] = scores[token * topK];
}
