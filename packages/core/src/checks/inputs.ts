import type { Backend } from '../backend.js';
import { checkDType, type DType } from '../dtypes.js';
import { invalid } from '../errors.js';
import { checkTensor, type Tensor } from '../tensor.js';
import { invalidShape, tokenCount, width } from './shape.js';

const FLOAT32: readonly DType[] = ['float32'];

/** Checks gating [T, E] or [B, S, E], float32, E ≥ 1; returns T. */
export function checkGating(gatingOutput: unknown, backend?: Backend): number {
  checkTensor('gatingOutput', gatingOutput, backend);
  checkDType('gatingOutput', gatingOutput.dtype, FLOAT32);
  const tokens = tokenCount('gatingOutput', gatingOutput);
  if (width(gatingOutput) < 1) throw invalidShape('gatingOutput', gatingOutput, 'at least one expert');
  return tokens;
}

export function checkSameTokens(
  argument: string,
  tensor: Tensor,
  tokens: number,
  expected: number,
  other: string,
): void {
  if (tokens === expected) return;
  throw invalid(
    'TOKEN_COUNT_MISMATCH',
    argument,
    `${tokens} tokens, shape [${tensor.shape.join(', ')}]`,
    `${expected} tokens, as ${other} has`,
  );
}
