// Choosing the experts of a row with a group of lanes, the row's gating values in registers.
#pragma once
#include "device.cuh"

namespace moe {

/** Receives the choices of rows as (pair, expert): stored only. */
struct NoPairs {
  __device__ void operator()(uint64_t, uint32_t) const {}
};

/** Lane `lane` of the group holds values lane · VALUES … of the row; beyond the row, the key 0. */
template <int VALUES>
__device__ __forceinline__ void load_keys(const float* row, uint32_t width, uint32_t lane, uint32_t (&keys)[VALUES]) {
  const uint32_t first = lane * VALUES;
  const bool aligned = (reinterpret_cast<uintptr_t>(row) & 15) == 0;
  if (aligned && first + VALUES <= width) {
#pragma unroll
    for (int j = 0; j < VALUES; j += 4) {
      const uint4 four = *reinterpret_cast<const uint4*>(row + first + j);
      keys[j] = key_of(four.x);
      keys[j + 1] = key_of(four.y);
      keys[j + 2] = key_of(four.z);
      keys[j + 3] = key_of(four.w);
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < VALUES; j++) {
    keys[j] = first + j < width ? key_of(__float_as_uint(row[first + j])) : 0;
  }
}

template <int VALUES>
__device__ __forceinline__ uint32_t largest(const uint32_t (&keys)[VALUES]) {
  uint32_t best = keys[0];
#pragma unroll
  for (int j = 1; j < VALUES; j++) best = max(best, keys[j]);
  return best;
}

/** Takes the first of this lane's values that has this key out of the running; returns its position. */
template <int VALUES>
__device__ __forceinline__ uint32_t take(uint32_t (&keys)[VALUES], uint32_t key) {
  uint32_t position = 0;
#pragma unroll
  for (int j = VALUES - 1; j >= 0; j--) {
    if (keys[j] == key) position = j;
  }
#pragma unroll
  for (int j = 0; j < VALUES; j++) {
    if (j == position) keys[j] = 0;
  }
  return position;
}

/** Σ exp(value - maximum) over the row; four partial sums a lane keep the rounding small. */
template <int LANES, int VALUES>
__device__ __forceinline__ float sum_exp(const uint32_t (&keys)[VALUES], float maximum) {
  float sums[4] = {0, 0, 0, 0};
#pragma unroll
  for (int j = 0; j < VALUES; j++) {
    if (keys[j] != 0) sums[j & 3] += expf(value_of(keys[j]) - maximum);
  }
  return group_sum<LANES>((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/**
 * Routes one row with LANES lanes, LANES · VALUES ≥ width. All lanes of the warp take part; those of a group whose row
 * is not `active` store nothing, nor does any where `indices` is null. `emit(pair, expert)` is called for each choice.
 */
template <int LANES, int VALUES, class Emit>
__device__ __forceinline__ void route_row(const RouteArgs& a, uint64_t row, bool active, const Emit& emit) {
  const uint32_t lane = lane_id() & (LANES - 1);
  const uint32_t groupStart = lane_id() - lane;
  const uint32_t groupMask = LANES == 32 ? kFullMask : ((1u << (LANES & 31)) - 1) << groupStart;
  const float* values = a.gating + row * a.width;
  uint32_t keys[VALUES];
  load_keys(values, active ? a.width : 0, lane, keys);

  uint32_t top = group_max<LANES>(largest(keys));
  const float maximum = value_of(top);
  const float sum = a.scalesAreGating ? 1.0f : sum_exp<LANES>(keys, maximum);
  const uint32_t firstExpert = a.groups == 1 ? 0 : static_cast<uint32_t>(row % a.groups) * a.width;
  uint32_t keptKey = 0, keptColumn = 0;
  for (uint32_t k = 0; k < a.picks; k++) {
    // Equal values: the lowest lane, and in it the lowest position, is the lowest expert.
    const uint32_t candidates = __ballot_sync(kFullMask, largest(keys) == top) & groupMask;
    const uint32_t owner = __ffs(candidates) - 1;
    uint32_t column = 0;
    if (lane_id() == owner) column = lane * VALUES + take(keys, top);
    column = __shfl_sync(kFullMask, column, owner);
    const uint32_t slot = k & (LANES - 1);
    if (lane == slot) {
      keptKey = top;
      keptColumn = column;
    }
    if (k + 1 == a.picks || slot == LANES - 1) {
      if (active && lane <= slot) {
        const uint64_t pair = row * a.picks + (k - slot) + lane;
        const uint32_t expert = firstExpert + keptColumn;
        emit(pair, expert);
        if (a.indices != nullptr) {
          a.indices[pair] = static_cast<int32_t>(expert);
          // The key has lost the sign of -0, so a gating value that is itself the scale is read again.
          a.scales[pair] = a.scalesAreGating
                               ? __uint_as_float(clean_bits(__float_as_uint(values[keptColumn])))
                               : expf(value_of(keptKey) - maximum) / sum;
        }
      }
    }
    if (k + 1 < a.picks) top = group_max<LANES>(largest(keys));
  }
}

/** A group for each row, grid-stride. */
template <int LANES, int VALUES>
__device__ __forceinline__ void route_all(const RouteArgs& a) {
  constexpr uint32_t kGroups = 32 / LANES;
  grid_wait();
  grid_trigger();
  const uint64_t warp = static_cast<uint64_t>(blockIdx.x) * warps_in_block() + warp_id();
  const uint64_t stride = static_cast<uint64_t>(gridDim.x) * warps_in_block() * kGroups;
  for (uint64_t first = warp * kGroups; first < a.rows; first += stride) {
    const uint64_t row = first + lane_id() / LANES;
    route_row<LANES, VALUES>(a, row, row < a.rows, NoPairs());
  }
}

}  // namespace moe
