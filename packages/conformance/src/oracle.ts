import { DTYPES, type FloatDType } from '@moe-dispatch/core';
import { decode, encode } from './float-formats.js';
import { bytesOf, type HostTensor, hostTensor } from './host-tensor.js';
import {
  type ExpectedRouting,
  expectRouting,
  type RoutingInputs,
  type RoutingMode,
} from './oracle-router.js';

/*
 * The plan and the rows of the contract (docs/semantics.md) as directly as they read. Nothing here is shared with a backend.
 */

export interface ExpectedPlan {
  readonly tokenNumsPerExpert: HostTensor<'int64'>;
  readonly expertOffsets: HostTensor<'int32'>;
  readonly permuteIndicesPerToken: HostTensor<'int32'>;
}

export interface ExpectedDispatch extends ExpectedRouting, ExpectedPlan {
  readonly permuteInput: HostTensor;
}

/**
 * @param topKIndices [T, K], each from 0 to numExperts − 1, or −1; an expert may come twice in a token.
 * @param zeroExperts of the experts, the last ones, which get no rows
 */
export function expectPlan(
  topKIndices: HostTensor<'int32'>,
  numExperts: number,
  zeroExperts = 0,
): ExpectedPlan {
  const [tokens, topK] = topKIndices.shape;
  const withRows = numExperts - zeroExperts;
  const pairs = Array.from(topKIndices.data, (expert, i) => ({
    expert,
    token: Math.floor(i / topK),
    choice: i % topK,
  })).filter(({ expert }) => expert >= 0 && expert < withRows);
  pairs.sort((a, b) => a.expert - b.expert || a.token - b.token || a.choice - b.choice);

  const tokenNumsPerExpert = hostTensor('int64', [withRows]);
  const expertOffsets = hostTensor('int32', [withRows + 1]);
  const permuteIndicesPerToken = hostTensor('int32', [topK, tokens]);
  permuteIndicesPerToken.data.fill(-1);
  pairs.forEach(({ expert, token, choice }, row) => {
    tokenNumsPerExpert.data[expert] += 1n;
    permuteIndicesPerToken.data[choice * tokens + token] = row;
  });
  for (let expert = 0; expert < withRows; expert++) {
    expertOffsets.data[expert + 1] = expertOffsets.data[expert] + Number(tokenNumsPerExpert.data[expert]);
  }
  return { tokenNumsPerExpert, expertOffsets, permuteIndicesPerToken };
}

/**
 * Rows that the map does not name are zeros here and undefined in the contract.
 * @param x [T, D], [B, S, D] or [T]
 * @param permuteIndicesPerToken [K, T]
 * @param expertScalesFloat [T, K]: what rows of a float dtype are multiplied by
 * @returns [K·T, D], or [K·T] for x of rank 1
 */
export function expectRows(
  x: HostTensor,
  permuteIndicesPerToken: HostTensor<'int32'>,
  expertScalesFloat?: HostTensor<'float32'>,
): HostTensor {
  const [topK, tokens] = permuteIndicesPerToken.shape;
  const vector = x.shape.length === 1;
  const hidden = vector ? 1 : x.shape[x.shape.length - 1];
  const rowBytes = hidden * DTYPES[x.dtype].bytes;
  const rows = hostTensor(x.dtype, vector ? [topK * tokens] : [topK * tokens, hidden]);
  const target = bytesOf(rows.data);
  const source = bytesOf(x.data);
  permuteIndicesPerToken.data.forEach((row, i) => {
    if (row === -1) return;
    const token = i % tokens;
    const copy = source.subarray(token * rowBytes, (token + 1) * rowBytes);
    const weight = expertScalesFloat?.data[token * topK + Math.floor(i / tokens)];
    target.set(weight === undefined ? copy : weighed(x.dtype as FloatDType, copy, weight), row * rowBytes);
  });
  return rows;
}

/** The bytes of a row times its weight. */
function weighed(dtype: FloatDType, row: Uint8Array<ArrayBuffer>, weight: number): Uint8Array {
  const elements = new DTYPES[dtype].ArrayType(row.slice().buffer);
  const products = decode(dtype, elements).map((value) => Math.fround(value * weight));
  return bytesOf(encode(dtype, products));
}

/** What moeDispatch are given. */
export interface DispatchInputs extends RoutingInputs {
  /** [T, D] or [B, S, D] */
  readonly x: HostTensor;
}

export function expectDispatch(inputs: DispatchInputs, mode: RoutingMode): ExpectedDispatch {
  const { numExperts, ...routing } = expectRouting(inputs, mode);
  const plan = expectPlan(routing.topKIndices, numExperts, mode.router?.zeroExperts?.count);
  const weights = mode.router?.applyRouterWeightOnInput === true ? routing.expertScalesFloat : undefined;
  const permuteInput = expectRows(inputs.x, plan.permuteIndicesPerToken, weights);
  return { numExperts, ...routing, ...plan, permuteInput };
}
