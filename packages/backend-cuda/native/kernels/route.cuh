// Choosing the experts of a row with a team of lanes, the row's gating values in registers.
#pragma once
#include "choose.cuh"
#include "gating.cuh"
#include "nearly.cuh"

namespace moe {

/** Receives the choices of rows as (pair, expert): stored only. */
struct NoPairs {
  __device__ void operator()(uint32_t, uint32_t) const {}
};

/**
 * Routes one row with LANES lanes, LANES · VALUES ≥ width. All lanes of the warp take part; those of a team whose row
 * is not `active` store nothing. `emit(pair, expert)` is called for each choice.
 * Weights are softmaxes or gating values, and nothing else is asked for; no ranking needs them.
 */
template <int LANES, int VALUES, class Emit>
__device__ __forceinline__ void route_plain(const RouteArgs& a, uint32_t row, bool active, const Emit& emit) {
  const Team<LANES> team;
  const uint32_t firstColumn = team.lane * VALUES;
  uint32_t keys[VALUES];
  load_keys(a, row, firstColumn, active && firstColumn < a.width ? a.width - firstColumn : 0, keys);
  SortedRuns<VALUES> runs(keys, a.picks == 1);
  Choosing<LANES, VALUES> choosing(team, runs, firstColumn);
  // Before the choices take values away.
  Scorer score = {a.score, value_of(choosing.top), 0};
  if (a.score == Score::kSoftmax && a.expertScalesFloat != nullptr) {
    score.sum = team_sum<LANES>(sum_exp(runs.keys, score.largest));
  }
  const uint32_t firstExpert = a.groups == 1 ? 0 : row % a.groups * a.width;
  for (uint32_t first = 0; first < a.picks; first += LANES) {
    const uint32_t count = min(a.picks - first, static_cast<uint32_t>(LANES));
    Chosen chosen = {0, 0};
    choosing.take(chosen, 0, count);
    if (!active || team.lane >= count) continue;
    const uint32_t pair = row * a.picks + first + team.lane;
    const uint32_t expert = firstExpert + chosen.column;
    emit(pair, expert);
    if (a.topKIndices != nullptr) a.topKIndices[pair] = static_cast<int32_t>(expert);
    if (a.expertScalesFloat == nullptr) continue;
    if (a.score == Score::kSoftmax) {
      const Power term = exp_below(score.largest, value_of(chosen.key));
      a.expertScalesFloat[pair] = __uint_as_float(quotient32(term.m, score.sum, term.n));
    } else {
      a.expertScalesFloat[pair] = __uint_as_float(logit_bits(a, row, chosen.column));
    }
  }
}

/** Keys of gating values become those of scores with their bias. */
template <int VALUES, class Function>
__device__ __forceinline__ void add_bias(const uint32_t (&bias)[VALUES], uint32_t (&keys)[VALUES],
                                         const Function& score) {
#pragma unroll
  for (int j = 0; j < VALUES; j++) {
    const uint32_t biased = biased_key(score(value_of(keys[j])), __uint_as_float(bias[j]));
    keys[j] = keys[j] == 0 ? 0 : biased;
  }
}

/** Lanes of the groups that are not kept let go of their values. Whether that is certain if the keys are of near scores. */
template <int LANES, int VALUES>
__device__ __forceinline__ bool keep_groups(const RouteArgs& a, const Team<LANES>& team, const Scorer& score,
                                            SortedRuns<VALUES>& runs) {
  const uint32_t groupLanes = 1u << a.groupLanesLog2;
  Top2 best = runs.top2();
  for (uint32_t step = groupLanes / 2; step > 0; step /= 2) {
    best = larger_two(best, {__shfl_xor_sync(kFullMask, best.first, step), __shfl_xor_sync(kFullMask, best.second, step)});
  }
  const uint32_t key = group_key(a, score, best);
  const uint32_t group = team.lane >> a.groupLanesLog2;
  uint32_t better = 0;
  for (uint32_t i = 0; i < a.choiceGroups; i++) {
    const uint32_t other = __shfl_sync(kFullMask, key, team.first() + i * groupLanes);
    better += other > key || (other == key && i < group);
  }
  const bool kept = better < a.keptGroups;
  if (!kept) runs.clear();
  return are_kept_certain<LANES>(a, best, key, kept);
}

/** The lane's columns of a row: its group's lanes share those of the group. */
template <int LANES, int VALUES>
struct LaneColumns {
  uint32_t first, count;

  __device__ __forceinline__ LaneColumns(const RouteArgs& a, uint32_t lane, bool active) {
    const uint32_t inGroup = (lane & ((1u << a.groupLanesLog2) - 1)) * VALUES;
    first = (lane >> a.groupLanesLog2) * a.groupWidth + inGroup;
    count = active && inGroup < a.groupWidth ? a.groupWidth - inGroup : 0;
  }
};

/** What makes the row's scores, of keys of its gating values. */
template <int LANES, int VALUES>
__device__ __forceinline__ Scorer scorer_of(const RouteArgs& a, const uint32_t (&keys)[VALUES]) {
  Scorer score = {a.score, 0.0f, 0};
  if (a.score != Score::kSoftmax && a.tokenScores == nullptr) return score;
  const bool ranksScores = a.bias != nullptr || a.groupsByTwo;
  if (a.expertScalesFloat == nullptr && !ranksScores) return score;
  uint32_t largest = keys[0];
#pragma unroll
  for (int j = 1; j < VALUES; j++) largest = max(largest, keys[j]);
  score.largest = value_of(team_max<LANES>(largest));
  if (a.score == Score::kSoftmax) score.sum = team_sum<LANES>(sum_exp(keys, score.largest));
  return score;
}

/** Stores the choices of a team, each lane its own; `weight` is its score. All lanes of the warp take part. */
template <int LANES>
__device__ __forceinline__ void store_weighed(const RouteArgs& a, const Team<LANES>& team, bool holds, uint64_t pair,
                                              uint32_t token, uint32_t expert, bool masked, float weight) {
  float norm = 0.0f;
  if (a.finishes && a.weights.normalise) {
    for (uint32_t k = 0; k < a.picks; k++) {
      norm = __fadd_rn(norm, __shfl_sync(kFullMask, weight, team.first() + k));
    }
    norm = complete_norm(a.weights, token, norm);
  }
  if (!holds) return;
  if (a.finishes) weight = weight_of(a.weights, weight, norm, expert);
  const bool goes = !masked && !(a.finishes && is_skipped(a.weights, expert));
  a.topKIndices[pair] = goes ? static_cast<int32_t>(expert) : -1;
  a.expertScalesFloat[pair] = goes ? weight : 0.0f;
}

/** Keys of what the lane's columns of a row are ranked by, and the score function of the row. `nearly`: near scores will do. */
template <int LANES, int VALUES>
__device__ __forceinline__ Scorer rank_by(const RouteArgs& a, uint32_t row, const LaneColumns<LANES, VALUES>& columns,
                                          bool nearly, uint32_t (&keys)[VALUES]) {
  uint32_t bias[VALUES];
  // Ahead of the gating values, so that both are under way together.
  if (a.bias != nullptr) load_bits(a.bias + columns.first, columns.count, bias);
  load_keys(a, row, columns.first, columns.count, keys);
  const Scorer score = scorer_of<LANES>(a, keys);
  if (nearly) add_bias(bias, keys, near_sigmoid);
  else if (a.bias != nullptr) add_bias(bias, keys, [&](float value) { return called_score(score, value); });
  return score;
}

/**
 * The same with all that a router can ask for. Indices without weights are stored as chosen, none as -1. picks ≤ LANES; a group
 * that may be dropped is held by lanes of its own.
 */
template <int LANES, int VALUES, class Emit>
__device__ __forceinline__ void route_routed(const RouteArgs& a, uint32_t row, bool active, const Emit& emit) {
  const Team<LANES> team;
  const LaneColumns<LANES, VALUES> columns(a, team.lane, active);
  Scorer score;
  Chosen chosen = {0, 0};
  // By near scores, and again by exact ones if that leaves a doubt in any row of the warp.
#pragma unroll 1
  for (bool nearly = ranks_nearly(a);; nearly = false) {
    uint32_t keys[VALUES];
    score = rank_by(a, row, columns, nearly, keys);
    SortedRuns<VALUES> runs(keys, false);
    bool settled = true;
    if (a.keptGroups < a.choiceGroups) settled = keep_groups(a, team, score, runs);
    Choosing<LANES, VALUES> choosing(team, runs, columns.first);
    choosing.take(chosen, 0, a.picks);
    if (!nearly) break;
    const bool certain = are_certain(team, chosen, a.picks, choosing.top);
    if (any_in_warp(active && !certain)) settled = settle(a, team, row, active, choosing, chosen) && settled;
    if (!any_in_warp(active && !settled)) break;
  }
  const bool holds = active && team.lane < a.picks;
  const uint32_t token = !active ? 0 : a.groups == 1 ? row : row / a.groups;
  const bool masked = is_masked(a, token);
  const uint32_t expert = a.groups == 1 ? chosen.column : row % a.groups * a.width + chosen.column;
  const uint64_t pair = static_cast<uint64_t>(row) * a.picks + team.lane;
  if (holds) emit(static_cast<uint32_t>(pair), masked || expert >= a.weights.experts ? kNoExpert : expert);
  if (a.expertScalesFloat == nullptr) {
    if (a.topKIndices != nullptr && holds) a.topKIndices[pair] = static_cast<int32_t>(expert);
    return;
  }
  const float weight = holds ? score(__uint_as_float(logit_bits(a, row, chosen.column))) : 0.0f;
  store_weighed(a, team, holds, pair, token, expert, masked, weight);
  if (active && a.tokenScores != nullptr && team.lane == 0) {
    a.tokenScores[token] = key_of(__float_as_uint(called_score(score, score.largest)));
  }
}

template <int LANES, int VALUES, bool ROUTER, class Emit>
__device__ __forceinline__ void route_row(const RouteArgs& a, uint32_t row, bool active, const Emit& emit) {
  if constexpr (ROUTER) route_routed<LANES, VALUES>(a, row, active, emit);
  else route_plain<LANES, VALUES>(a, row, active, emit);
}

/** A team for each row, grid-stride. */
template <int LANES, int VALUES, bool ROUTER>
__device__ __forceinline__ void route_all(const RouteArgs& a) {
  constexpr uint32_t kTeams = 32 / LANES;
  grid_wait();
  grid_trigger();
  const uint32_t warp = blockIdx.x * warps_in_block() + warp_id();
  const uint32_t stride = gridDim.x * warps_in_block() * kTeams;
  for (uint32_t first = warp * kTeams; first < a.rows; first += stride) {
    const uint32_t row = first + lane_id() / LANES;
    route_row<LANES, VALUES, ROUTER>(a, row, row < a.rows, NoPairs());
  }
}

}  // namespace moe
