import { type ArrayOf, DTYPES } from '@moe-dispatch/core';
import { bytesOf, elementCount, type HostTensor, hostTensor } from './host-tensor.js';

/*
 * The stages of the contract (docs/semantics.md) as directly as they read, scales in float64. Nothing here is shared with
 * a backend.
 */

export interface RoutingMode {
  readonly moeTopk: number;
  readonly groupMoe?: boolean;
  readonly topkOnlyMode?: boolean;
}

export interface ExpectedScales {
  /** [T, K] in float64. */
  readonly values: Float64Array;
  /** [T, K]: max − g, the distance of the chosen gating value from its row's (group's) maximum. */
  readonly gaps: Float64Array;
  /** Whether the scales are gating values, which are exact. */
  readonly exact: boolean;
}

export interface ExpectedRouting {
  readonly numExperts: number;
  readonly topKIndices: HostTensor<'int32'>;
  readonly scales: ExpectedScales;
}

export interface ExpectedPlan {
  readonly tokenNumsPerExpert: HostTensor<'int64'>;
  readonly expertOffsets: HostTensor<'int32'>;
  readonly permuteIndicesPerToken: HostTensor<'int32'>;
}

export interface ExpectedDispatch extends ExpectedRouting, ExpectedPlan {
  readonly permuteInput: HostTensor;
}

const FLT_MAX = (2 - 2 ** -23) * 2 ** 127;

/** @param gating [T, E] or [B, S, E] */
export function expectRouting(gating: HostTensor<'float32'>, mode: RoutingMode): ExpectedRouting {
  const { moeTopk: topK, groupMoe = false, topkOnlyMode = false } = mode;
  const numExperts = gating.shape[gating.shape.length - 1];
  const tokens = elementCount(gating.shape.slice(0, -1));
  const topKIndices = hostTensor('int32', [tokens, topK]);
  const values = new Float64Array(tokens * topK);
  const gaps = new Float64Array(tokens * topK);
  for (let token = 0; token < tokens; token++) {
    const row = Array.from(gating.data.subarray(token * numExperts, (token + 1) * numExperts), clean);
    const choices = groupMoe && !topkOnlyMode ? chooseInGroups(row, topK) : chooseBest(row, topK);
    const groups = groupMoe ? topK : 1;
    const softmaxes = Array.from({ length: groups }, (_, group) => softmax(groupOf(row, group, groups)));
    choices.forEach((expert, k) => {
      const { max, total } = softmaxes[Math.floor((expert * groups) / numExperts)];
      const i = token * topK + k;
      topKIndices.data[i] = expert;
      gaps[i] = max - row[expert];
      values[i] = topkOnlyMode ? row[expert] : Math.exp(row[expert] - max) / total;
    });
  }
  return { numExperts, topKIndices, scales: { values, gaps, exact: topkOnlyMode } };
}

/** @param topKIndices [T, K], each from 0 to numExperts − 1; an expert may come twice in a token. */
export function expectPlan(topKIndices: HostTensor<'int32'>, numExperts: number): ExpectedPlan {
  const [tokens, topK] = topKIndices.shape;
  const pairs = Array.from(topKIndices.data, (expert, i) => ({
    expert,
    token: Math.floor(i / topK),
    choice: i % topK,
  }));
  pairs.sort((a, b) => a.expert - b.expert || a.token - b.token || a.choice - b.choice);

  const tokenNumsPerExpert = hostTensor('int64', [numExperts]);
  const expertOffsets = hostTensor('int32', [numExperts + 1]);
  const permuteIndicesPerToken = hostTensor('int32', [topK, tokens]);
  pairs.forEach(({ expert, token, choice }, row) => {
    tokenNumsPerExpert.data[expert] += 1n;
    permuteIndicesPerToken.data[choice * tokens + token] = row;
  });
  for (let expert = 0; expert < numExperts; expert++) {
    expertOffsets.data[expert + 1] = expertOffsets.data[expert] + Number(tokenNumsPerExpert.data[expert]);
  }
  return { tokenNumsPerExpert, expertOffsets, permuteIndicesPerToken };
}

/**
 * @param x [T, D], [B, S, D] or [T]
 * @param permuteIndicesPerToken [K, T]
 * @returns [K·T, D], or [K·T] for x of rank 1
 */
export function expectRows(x: HostTensor, permuteIndicesPerToken: HostTensor<'int32'>): HostTensor {
  const [topK, tokens] = permuteIndicesPerToken.shape;
  const vector = x.shape.length === 1;
  const hidden = vector ? 1 : x.shape[x.shape.length - 1];
  const rowBytes = hidden * DTYPES[x.dtype].bytes;
  const rows = hostTensor(x.dtype, vector ? [topK * tokens] : [topK * tokens, hidden]);
  const source = bytesOf(x.data);
  const target = bytesOf(rows.data);
  permuteIndicesPerToken.data.forEach((row, i) => {
    const token = i % tokens;
    target.set(source.subarray(token * rowBytes, (token + 1) * rowBytes), row * rowBytes);
  });
  return rows;
}

export function expectDispatch(
  x: HostTensor,
  gating: HostTensor<'float32'>,
  mode: RoutingMode,
): ExpectedDispatch {
  const routing = expectRouting(gating, mode);
  const plan = expectPlan(routing.topKIndices, gating.shape[gating.shape.length - 1]);
  return { ...routing, ...plan, permuteInput: expectRows(x, plan.permuteIndicesPerToken) };
}

function clean(value: number): number {
  if (Number.isNaN(value) || value === -Infinity) return -FLT_MAX;
  return value === Infinity ? FLT_MAX : value;
}

/** The `count` best experts of a row, best first; −0 equals +0, equal values by lower index. */
function chooseBest(row: readonly number[], count: number): number[] {
  const ranking = row.map((_, expert) => expert);
  ranking.sort((a, b) => row[b] - row[a] || a - b);
  return ranking.slice(0, count);
}

/** The best expert of each of `groups` groups of neighbours. */
function chooseInGroups(row: readonly number[], groups: number): number[] {
  const size = row.length / groups;
  return Array.from(
    { length: groups },
    (_, group) => group * size + chooseBest(groupOf(row, group, groups), 1)[0],
  );
}

function groupOf(row: readonly number[], group: number, groups: number): number[] {
  const size = row.length / groups;
  return row.slice(group * size, (group + 1) * size);
}

/** The maximum and the sum of exp(value − maximum). */
function softmax(values: readonly number[]): { max: number; total: number } {
  const max = values.reduce((a, b) => Math.max(a, b));
  return { max, total: values.reduce((sum, value) => sum + Math.exp(value - max), 0) };
}

/** The scales as float32 values, for use as an input. */
export function scalesAsInput(routing: ExpectedRouting): HostTensor<'float32'> {
  const data: ArrayOf<'float32'> = Float32Array.from(routing.scales.values);
  return { data, shape: routing.topKIndices.shape, dtype: 'float32' };
}
