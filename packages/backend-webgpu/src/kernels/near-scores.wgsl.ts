/*
 * Sigmoids in the device's floats, which rank experts that are not close to one another; rows with close ones are ranked by
 * exact scores (docs/design/webgpu-routers.md, with the bounds).
 */

/** WGSL `near_sigmoid(bits)`: within 2^-20 of the exact one, whichever neighbour a sum or product is rounded to, fused or not. */
export const NEAR_SIGMOID = /* wgsl */ `
fn near_sigmoid(bits: u32) -> u32 {
  let y = min(bitcast<f32>(bits & SIZE), 32.0) * 1.442695;
  let whole = u32(y);
  let g = y - f32(whole);
  // 2^-g, then exp(-|x|)
  let power = 1.0 - g * (0.693142253 - g * (0.240172189 - g * (0.0552797226 - g * (0.00918861171 - g * 0.000938788329))));
  let e = bitcast<f32>(bitcast<u32>(power) - (whole << 23u));
  // 1 / (1 + e), by Newton's method from a parabola
  let d = 1.0 + e;
  var r = 2.121212 - d * (1.454545 - d * 0.3232322);
  r *= 2.0 - d * r;
  r *= 2.0 - d * r;
  return bitcast<u32>(select(r, e * r, bits > SIZE));
}
`;

/** WGSL to know what near values of choices tell. A lane sets `close` if they do not tell all. */
export const NEAR_VALUES = /* wgsl */ `
var<private> exact: bool;
var<private> close: bool;
// Exact scores are made of a lane's keys from here on.
var<private> reach = 0xffffffffu;

// The least near value whose exact one can be as large as that of this key, or larger.
fn reach_of(key: u32) -> u32 {
  let value = bitcast<f32>(key_bits(key));
  return order_key(bitcast<u32>(value - (0x1p-19 + abs(value) * 0x1p-21)));
}

var<workgroup> any_close: atomic<u32>;
var<workgroup> again: u32;

// Whether a row of the workgroup needs exact scores.
fn needs_exact(thread: u32) -> bool {
  if (close) { atomicStore(&any_close, 1u); }
  workgroupBarrier();
  if (thread == 0u) { again = atomicLoad(&any_close); }
  return workgroupUniformLoad(&again) == 1u;
}
`;

/** WGSL to know what near sums tell of a lane's group. */
export const NEAR_GROUPS = /* wgsl */ `
// Of a group: that it is kept, that it is not, or that exact sums must tell.
const KEPT = 0xffffffffu;
const DROPPED = 0u;
const OPEN = 1u;
var<private> verdict: u32;

// How many groups are better for certain, and how many can be.
fn judge(better: vec2<u32>, two: vec2<u32>) {
  verdict = select(select(DROPPED, OPEN, better.x < p.kept_groups), KEPT, better.y < p.kept_groups);
  if (verdict == OPEN) {
    close = true;
    reach = select(reach_of(two.y), 1u, two.y == 0u);
  }
}

// Keys of the least and the most that the sum of a group's two best can be. No room for error is left in huge ones.
fn bounds(key: u32, two: vec2<u32>) -> vec2<u32> {
  if (exact) { return vec2(select(verdict, key, verdict == OPEN)); }
  if (key == 0u) { return vec2(0u); }
  let sizes = vec2(key_bits(two.x), select(0u, key_bits(two.y), two.y != 0u)) & vec2(SIZE);
  if (max(sizes.x, sizes.y) > 0x7e000000u) { return vec2(0u, 0xffffffffu); }
  let values = bitcast<vec2<f32>>(sizes);
  let error = 0x1p-18 + (values.x + values.y) * 0x1p-21;
  let value = bitcast<f32>(key_bits(key));
  return vec2(order_key(bitcast<u32>(value - error)), order_key(bitcast<u32>(value + error)));
}
`;
