// Scores of choices that a kernel before has made and stored: off the way from gating values to rows.
#pragma once
#include "gating.cuh"
#include "weights.cuh"

namespace moe {

/** Softmaxes of the choices of one row; its first choice is the largest value. All lanes of the warp take part. */
__device__ __forceinline__ void score_choices(const RouteArgs& a, uint32_t row, bool active, uint32_t lane,
                                              uint32_t lanes) {
  const uint64_t firstPair = static_cast<uint64_t>(row) * a.picks;
  const uint32_t firstExpert = a.groups == 1 ? 0 : row % a.groups * a.width;
  const auto choice_at = [&](uint32_t k) {
    return value_at(a, row, static_cast<uint32_t>(a.topKIndices[firstPair + k]) - firstExpert);
  };
  const float largest = active ? choice_at(0) : 0.0f;
  uint64_t sum = 0;
  for (uint32_t first = lane * kScoreColumns; active && first < a.width; first += lanes * kScoreColumns) {
    uint32_t keys[kScoreColumns];
    load_keys(a, row, first, a.width - first, keys);
    sum += sum_exp(keys, largest);
  }
  for (uint32_t step = lanes / 2; step > 0; step /= 2) sum += __shfl_xor_sync(kFullMask, sum, step);
  for (uint32_t k = lane; active && k < a.picks; k += lanes) {
    const Power term = exp_below(largest, choice_at(k));
    a.expertScalesFloat[firstPair + k] = __uint_as_float(quotient32(term.m, sum, term.n));
  }
}

/** A team of lanes for each row. */
__device__ __forceinline__ void score_rows(const ScoreArgs& a) {
  grid_wait();
  grid_trigger();
  const uint32_t teams = 32 / a.lanes;
  const uint32_t warp = blockIdx.x * warps_in_block() + warp_id();
  const uint32_t stride = a.blocks * warps_in_block() * teams;
  for (uint32_t first = warp * teams; first < a.route.rows; first += stride) {
    const uint32_t row = first + lane_id() / a.lanes;
    score_choices(a.route, row, row < a.route.rows, lane_id() % a.lanes, a.lanes);
  }
}

}  // namespace moe
