import { bfloat16FromBits, type Call, float16FromBits } from '@moe-dispatch/core/backend';
import { tableOf } from './float-table.js';
import type { CpuTensor } from './tensor.js';

const product = new Float32Array(1);
const productBits = new Int32Array(product.buffer);

/** Copies each token's row to its places, multiplied by the weight of each choice and rounded to the dtype. */
export function weighRows(call: Call<'permuteRows', CpuTensor>): void {
  const { x, permuteInput, tokens, topK, hidden, permuteIndicesPerToken, expertScalesFloat } = call;
  const rows = permuteIndicesPerToken.padded as Int32Array;
  const weights = expertScalesFloat!.padded as Float32Array;
  const float32 = x.dtype === 'float32';
  const values = tableOf(x.dtype);
  const fromBits = x.dtype === 'float16' ? float16FromBits : bfloat16FromBits;
  const source = x.padded as Float32Array;
  const target = permuteInput.padded as Float32Array;
  for (let i = 0; i < topK * tokens; i++) {
    if (rows[i] < 0) continue;
    const token = i % tokens;
    const weight = weights[token * topK + Math.floor(i / tokens)];
    for (let d = 0; d < hidden; d++) {
      const value = source[token * hidden + d];
      product[0] = weight * (float32 ? value : values[value]);
      target[rows[i] * hidden + d] = float32 ? product[0] : fromBits(productBits[0]);
    }
  }
}
