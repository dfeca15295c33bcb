// Weights of choices that a kernel before has made, by the kernel that moves rows: off the way from gating values to rows.
// It starts while that kernel still chooses, so it does first what needs no choices.
#pragma once
#include "route.cuh"

namespace moe {

/** Lanes that share a row: of a whole warp. */
struct WholeWarp {
  static constexpr uint32_t lanes = 32;
  const uint32_t lane = lane_id();

  __device__ __forceinline__ uint32_t largest(uint32_t value) const { return team_max<32>(value); }
  __device__ __forceinline__ uint64_t total(uint64_t value) const { return team_sum<32>(value); }
};

/** The same of any power of two. */
struct SomeLanes {
  const uint32_t lanes, lane;

  __device__ __forceinline__ explicit SomeLanes(uint32_t lanes) : lanes(lanes), lane(lane_id() & (lanes - 1)) {}

  __device__ __forceinline__ uint32_t largest(uint32_t value) const {
    for (uint32_t step = lanes / 2; step > 0; step /= 2) value = max(value, __shfl_xor_sync(kFullMask, value, step));
    return value;
  }
  __device__ __forceinline__ uint64_t total(uint64_t value) const {
    for (uint32_t step = lanes / 2; step > 0; step /= 2) value += __shfl_xor_sync(kFullMask, value, step);
    return value;
  }
};

/** What the softmaxes of a row take besides its choices. */
struct RowSum {
  float largest;
  uint64_t sum;
};

template <class Team, class Use>
__device__ __forceinline__ void each_four(const RouteArgs& a, uint32_t row, const Team& team, const Use& use) {
  constexpr uint32_t kColumns = 4;
  for (uint32_t first = team.lane * kColumns; first < a.width; first += team.lanes * kColumns) {
    uint32_t keys[kColumns];
    load_keys(a, row, first, a.width - first, keys);
    use(keys);
  }
}

/** All lanes of the warp take part. */
template <class Team>
__device__ __forceinline__ RowSum sum_row(const RouteArgs& a, uint32_t row, const Team& team) {
  const bool active = row < a.rows;
  uint32_t most = 0;
  if (active) {
    each_four(a, row, team, [&](const uint32_t (&keys)[4]) {
      most = max(max(most, max(keys[0], keys[1])), max(keys[2], keys[3]));
    });
  }
  const float largest = value_of(team.largest(most));
  uint64_t mine = 0;
  if (active) each_four(a, row, team, [&](const uint32_t (&keys)[4]) { mine += sum_exp(keys, largest); });
  return {largest, team.total(mine)};
}

template <class Team>
__device__ __forceinline__ void store_softmaxes(const RouteArgs& a, uint32_t row, const RowSum& of, const Team& team) {
  if (row >= a.rows) return;
  const uint32_t firstExpert = a.groups == 1 ? 0 : row % a.groups * a.width;
  for (uint32_t k = team.lane; k < a.picks; k += team.lanes) {
    const uint64_t pair = static_cast<uint64_t>(row) * a.picks + k;
    const Power term = exp_below(of.largest, value_at(a, row, static_cast<uint32_t>(a.topKIndices[pair]) - firstExpert));
    a.expertScalesFloat[pair] = __uint_as_float(quotient32(term.m, of.sum, term.n));
  }
}

/** Softmaxes of the rows first, first + stride, … by a warp that has other work too. */
class OwnSoftmaxes {
 public:
  __device__ __forceinline__ OwnSoftmaxes(const RouteArgs& args, uint32_t first, uint32_t stride)
      : a(args), row(first), stride(stride) {}

  /** Before the choices are there. */
  __device__ __forceinline__ void begin() {
    if (row < a.rows) sum = sum_row(a, row, team);
  }

  __device__ __forceinline__ void finish() {
    while (row < a.rows) {
      store_softmaxes(a, row, sum, team);
      row += stride;
      begin();
    }
  }

 private:
  const RouteArgs& a;
  const WholeWarp team;
  uint32_t row;
  const uint32_t stride;
  RowSum sum = {};
};

/** The rows of a block whose warps do nothing else: calls `use(i, row)` for each lane, 0 ≤ i < kScoreRows. */
template <class Use>
__device__ __forceinline__ void each_scored(const ScoreArgs& a, const Use& use) {
  const uint32_t teams = 32 / a.lanes;
  const uint32_t first = (blockIdx.x * warps_in_block() + warp_id()) * teams;
  const uint32_t stride = a.blocks * warps_in_block() * teams;
#pragma unroll 1
  for (uint32_t i = 0; i < kScoreRows && first + i * stride < a.route.rows; i++) {
    use(i, first + i * stride + lane_id() / a.lanes);
  }
}

/** Softmaxes. */
__device__ __forceinline__ void score_softmaxes(const ScoreArgs& a) {
  const SomeLanes team(a.lanes);
  // Each lane of a team keeps that of one row.
  RowSum mine = {};
  each_scored(a, [&](uint32_t i, uint32_t row) {
    const RowSum sum = sum_row(a.route, row, team);
    if (team.lane == i) mine = sum;
  });
  grid_wait();
  grid_trigger();
  each_scored(a, [&](uint32_t i, uint32_t row) {
    const uint32_t from = lane_id() - team.lane + i;
    const RowSum of = {__shfl_sync(kFullMask, mine.largest, from), __shfl_sync(kFullMask, mine.sum, from)};
    store_softmaxes(a.route, row, of, team);
  });
}

/** Weights by sigmoids: a warp for each row, so all lanes share one. */
__device__ __forceinline__ void weigh_sigmoids(const ScoreArgs& args) {
  const RouteArgs& a = args.route;
  const Team<32> team;
  grid_wait();
  grid_trigger();
  each_scored(args, [&](uint32_t, uint32_t row) {
    const bool holds = team.lane < a.picks;
    const uint64_t pair = static_cast<uint64_t>(row) * a.picks + team.lane;
    const uint32_t expert = holds ? static_cast<uint32_t>(a.topKIndices[pair]) : 0;
    const float score = __uint_as_float(sigmoid(logit_bits(a, row, expert)));
    store_weighed(a, team, holds, pair, row, expert, false, holds ? score : 0.0f);
  });
}

/** The work of the blocks in front. */
__device__ __forceinline__ void score_choices(const ScoreArgs& a) {
  if (a.route.score == Score::kSoftmax) score_softmaxes(a);
  else weigh_sigmoids(a);
}

}  // namespace moe
