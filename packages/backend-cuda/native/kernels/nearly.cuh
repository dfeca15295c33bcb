// Ranking by scores that are quick and nearly right: how far they may be off, and whether a ranking by them is certain
// (docs/design/cuda-routers.md).
#pragma once
#include "choose.cuh"
#include "gating.cuh"
#include "weights.cuh"

namespace moe {

/** Whether a row's scores can be ranked nearly first. */
__device__ __forceinline__ bool ranks_nearly(const RouteArgs& a) { return a.bias != nullptr && a.score == Score::kSigmoid; }

/** Less than 2^-21 from sigmoid(). */
__device__ __forceinline__ float near_sigmoid(float value) { return __fdividef(1.0f, 1.0f + __expf(-value)); }

/** How far a near score is off once its bias has been added, at most; with room for a rounding of what is made of it. */
__device__ __forceinline__ float doubt(float value) { return 0x1p-21f + 0x1p-21f * fabsf(value); }

/** Whether the exact score of the first of two near ones is the larger. A key of 0 is none, which is smaller than all. */
__device__ __forceinline__ bool is_certain(uint32_t larger, uint32_t smaller) {
  const float above = value_of(larger), below = value_of(smaller);
  return smaller == 0 || above - doubt(above) > below + doubt(below);
}

/** Brings the `count` choices of a team into the order of their exact scores; equal ones in that of the experts. */
template <int LANES>
__device__ __forceinline__ void order_exactly(const RouteArgs& a, const Team<LANES>& team, uint32_t row, bool active,
                                              uint32_t count, Chosen& mine) {
  const Chosen near = mine;
  uint32_t key = 0;
  if (active && team.lane < count && near.key != 0) {
    const float score = called_score(a.score, 0.0f, 0, __uint_as_float(logit_bits(a, row, near.column)));
    key = biased_key(score, a.bias[near.column]);
  }
  uint32_t place = 0;
#pragma unroll 1
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t other = __shfl_sync(kFullMask, key, team.first() + i);
    const uint32_t column = __shfl_sync(kFullMask, near.column, team.first() + i);
    place += other > key || (other == key && column < near.column);
  }
#pragma unroll 1
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t to = __shfl_sync(kFullMask, place, team.first() + i);
    const uint32_t column = __shfl_sync(kFullMask, near.column, team.first() + i);
    if (to == team.lane) mine.column = column;
  }
}

/** Whether a team's choices by near scores are certain, and their order: all of them before `top`, the largest that is left. */
template <int LANES>
__device__ __forceinline__ bool are_certain(const Team<LANES>& team, const Chosen& mine, uint32_t count, uint32_t top) {
  const uint32_t after = __shfl_sync(kFullMask, mine.key, lane_id() + 1);
  return team.lane >= count || is_certain(mine.key, team.lane == count - 1 ? top : after);
}

/**
 * Makes of a team's first a.picks choices by near scores those by exact ones: takes more while what is left may belong to
 * them, and orders all. False if there are not lanes enough. All lanes of the warp take part.
 */
template <int LANES, int VALUES>
__device__ __forceinline__ bool settle(const RouteArgs& a, const Team<LANES>& team, uint32_t row, bool active,
                                       Choosing<LANES, VALUES>& choosing, Chosen& mine) {
  const uint32_t last = __shfl_sync(kFullMask, mine.key, team.first() + a.picks - 1);
  uint32_t count = a.picks;
  bool settled = !active || is_certain(last, choosing.top);
  while (count < LANES && any_in_warp(!settled)) {
    choosing.take(mine, count, count + 1);
    count++;
    settled = !active || is_certain(last, choosing.top);
  }
  order_exactly(a, team, row, active, count, mine);
  return settled;
}

/** Whether all kept groups are certain before all others; `best`: the two best near scores of the lane's group, `key` its own. */
template <int LANES>
__device__ __forceinline__ bool are_kept_certain(const RouteArgs& a, const Top2& best, uint32_t key, bool kept) {
  const float value = value_of(key);
  float most = doubt(value_of(best.first));
  if (a.groupsByTwo && best.second != 0) most += doubt(value_of(best.second));
  // The smallest as the largest of complements.
  const uint32_t leastKept = ~team_max<LANES>(kept ? ~ordered(value - most) : 0);
  const uint32_t mostOther = team_max<LANES>(kept ? 0 : ordered(value + most));
  return leastKept > mostOther;
}

}  // namespace moe
