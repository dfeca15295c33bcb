import type { FloatDType } from '@moe-dispatch/core';
import { halfFloats } from './half-floats.wgsl.js';

/** What a binding holds: logits, or the keys that score-experts made of them. */
export type Gating = FloatDType | 'keys';

/**
 * Gating values as semantics.md wants them, on bits throughout: a shader compiler may assume that there is no NaN
 * and flush subnormals. `logit(i)` is element i of the binding, cleaned, as float32; `logit_key(i)` ranks it.
 */
export function gatingValues(gating: Gating, binding = 'gating_output'): string {
  return /* wgsl */ `
${gating === 'float16' || gating === 'bfloat16' ? halfFloats(gating) : ''}
// Larger for a larger value, equal for -0 and 0, and never 0 but for one NaN.
fn order_key(bits: u32) -> u32 {
  let key = bits ^ (u32(bitcast<i32>(bits) >> 31u) | 0x80000000u);
  return key + u32(key == 0x7fffffffu);
}

// The same of the cleaned value: NaN and -inf count as -FLT_MAX, inf as FLT_MAX.
fn rank_key(bits: u32) -> u32 {
  let key = order_key(bits);
  return select(clamp(key, 0x00800000u, 0xff7fffffu), 0x00800000u, key > 0xff800000u);
}

fn key_bits(key: u32) -> u32 { return select(~key, key ^ 0x80000000u, key >= 0x80000000u); }

// The cleaned value, -0 as it is.
fn clean(bits: u32) -> u32 { return select(key_bits(rank_key(bits)), bits, bits == 0x80000000u); }

${gating === 'keys' ? LOAD_KEYS : loadLogits(gating, binding)}
`;
}

const LOAD_KEYS = /* wgsl */ `
fn logit_key(i: u32) -> u32 { return gating_output[i + p.gating_output_at]; }
fn logit(i: u32) -> u32 { return key_bits(logit_key(i)); }
`;

function loadLogits(gating: FloatDType, binding: string): string {
  const load =
    gating === 'float32'
      ? `${binding}[i + p.${binding}_at]`
      : `widen((${binding}[i / 2u + p.${binding}_at] >> (16u * (i % 2u))) & 0xffffu)`;
  return /* wgsl */ `
fn gating_bits(i: u32) -> u32 { return ${load}; }
fn logit_key(i: u32) -> u32 { return rank_key(gating_bits(i)); }
fn logit(i: u32) -> u32 { return clean(gating_bits(i)); }
`;
}
