// Choices that are no ranking: the caller's, and sparsemixer's. A warp for each token. Stores scores, not weights.
#pragma once
#include "gating.cuh"
#include "weights.cuh"

namespace moe {

/** The first column of the largest value but the one of `except`, in every lane. */
__device__ __forceinline__ uint32_t largest_column(const RouteArgs& a, uint32_t row, uint32_t except) {
  uint32_t key = 0, column = 0;
  for (uint32_t i = lane_id(); i < a.width; i += 32) {
    const uint32_t other = i == except ? 0 : key_of(logit_bits(a, row, i));
    if (other <= key) continue;
    key = other;
    column = i;
  }
  const uint32_t best = team_max<32>(key);
  return ~team_max<32>(key == best ? ~column : 0);
}

/** Σ exp(value - largest) over the columns that `stays(column, value)` leaves, in every lane. */
template <class Stays>
__device__ __forceinline__ uint64_t sum_columns(const RouteArgs& a, uint32_t row, float largest, const Stays& stays) {
  uint64_t sum = 0;
  for (uint32_t i = lane_id(); i < a.width; i += 32) {
    const float value = __uint_as_float(logit_bits(a, row, i));
    const Power term = exp_below(largest, value);
    if (stays(i, value)) sum += shifted_right(term.m, term.n);
  }
  return team_sum<32>(sum);
}

__device__ __forceinline__ void store_choice(const RouteArgs& a, uint64_t pair, uint32_t expert, bool goes, float score) {
  a.topKIndices[pair] = goes ? static_cast<int32_t>(expert) : -1;
  a.expertScalesFloat[pair] = goes ? score : 0.0f;
}

/** The caller's choices; what is no expert goes nowhere. */
__device__ __forceinline__ void score_given(const RouteArgs& a, uint32_t row) {
  const bool masked = is_masked(a, row);
  Scorer score = {a.score, 0.0f, 0};
  if (a.score == Score::kSoftmax || a.tokenScores != nullptr) {
    score.largest = value_at(a, row, largest_column(a, row, kNoRow));
    score.sum = sum_columns(a, row, score.largest, [](uint32_t, float) { return true; });
  }
  for (uint32_t k = lane_id(); k < a.picks; k += 32) {
    const uint64_t pair = static_cast<uint64_t>(row) * a.picks + k;
    const uint32_t expert = static_cast<uint32_t>(a.expertIds[pair]);
    const bool goes = !masked && expert < a.width;
    store_choice(a, pair, expert, goes, goes ? score(__uint_as_float(logit_bits(a, row, expert))) : 0.0f);
  }
  if (a.tokenScores != nullptr && lane_id() == 0) {
    a.tokenScores[row] = key_of(__float_as_uint(called_score(score, score.largest)));
  }
}

/** Two choices, each with a softmax over the experts that are close to it. */
__device__ __forceinline__ void mix_sparsely(const RouteArgs& a, uint32_t row) {
  const float most = __fmul_rn(2.0f, a.jitterEps);
  const bool goes = !is_masked(a, row);
  uint32_t taken = kNoRow;
  for (uint32_t k = 0; k < 2; k++) {
    const uint32_t best = largest_column(a, row, taken);
    const float top = value_at(a, row, best);
    const uint64_t sum = sum_columns(a, row, top, [&](uint32_t column, float value) {
      // 0 / 0 is no distance.
      return column != taken && !(__fdiv_rn(__fsub_rn(top, value), fmaxf(fabsf(value), top)) > most);
    });
    const Power term = exp_below(top, top);
    if (lane_id() == 0) {
      store_choice(a, uint64_t{2} * row + k, best, goes, __uint_as_float(quotient32(term.m, sum, term.n)));
    }
    taken = best;
  }
}

template <class Route>
__device__ __forceinline__ void each_row(const RouteArgs& a, const Route& route) {
  grid_wait();
  grid_trigger();
  const uint32_t stride = gridDim.x * warps_in_block();
  for (uint32_t row = blockIdx.x * warps_in_block() + warp_id(); row < a.rows; row += stride) route(row);
}

}  // namespace moe
