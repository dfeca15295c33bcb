// What follows a choice whose weights its own kernel does not make: dropping choices beyond their experts' capacity, and
// weighing them.
#pragma once
#include "weights.cuh"

namespace moe {

/** What is no expert in topKIndices: a choice that was dropped, whose score may still count. Below -1, which goes nowhere. */
__device__ __forceinline__ int32_t dropped(int32_t expert) { return -2 - expert; }

__device__ __forceinline__ uint32_t thread_in_grid() { return blockIdx.x * blockDim.x + threadIdx.x; }

/** order[i]: the token of the i-th largest score, equal ones by token. A thread counts those before a token. */
__device__ __forceinline__ void order_by_score(const OrderArgs& a) {
  grid_wait();
  grid_trigger();
  const uint32_t token = thread_in_grid();
  if (token >= a.tokens) return;
  const uint32_t key = a.tokenScores[token];
  uint32_t before = 0;
  for (uint32_t i = 0; i < a.tokens; i++) {
    const uint32_t other = a.tokenScores[i];
    before += other > key || (other == key && i < token);
  }
  a.order[before] = token;
}

/** A warp for each expert goes through all choices in the order of their queue. */
__device__ __forceinline__ void drop_beyond_capacity(const DropArgs& a) {
  grid_wait();
  grid_trigger();
  const uint32_t expert = thread_in_grid() / 32;
  if (expert >= a.experts) return;
  uint32_t queued = 0;
  for (uint32_t k = 0; k < a.picks; k++) {
    for (uint32_t first = 0; first < a.tokens; first += 32) {
      const uint32_t i = first + lane_id();
      const bool there = i < a.tokens;
      const uint32_t token = there && a.order != nullptr ? a.order[i] : i;
      int32_t* const choice = a.topKIndices + static_cast<uint64_t>(token) * a.picks + k;
      const bool mine = there && *choice == static_cast<int32_t>(expert);
      const uint32_t all = __ballot_sync(kFullMask, mine);
      const uint32_t place = queued + __popc(all & ((1u << lane_id()) - 1));
      if (mine && place >= a.capacity) *choice = dropped(*choice);
      queued += __popc(all);
    }
  }
}

/** A thread for each token. */
__device__ __forceinline__ void weigh_choices(const WeighArgs& a) {
  grid_wait();
  grid_trigger();
  const uint32_t token = thread_in_grid();
  if (token >= a.tokens) return;
  int32_t* const experts = a.topKIndices + static_cast<uint64_t>(token) * a.picks;
  float* const weights = a.expertScalesFloat + static_cast<uint64_t>(token) * a.picks;
  float norm = 0.0f;
  if (a.weights.normalise) {
    for (uint32_t k = 0; k < a.picks; k++) {
      const bool counts = experts[k] >= 0 || (a.normBeforeDrop && experts[k] < -1);
      if (counts) norm = __fadd_rn(norm, weights[k]);
    }
    norm = complete_norm(a.weights, token, norm);
  }
  for (uint32_t k = 0; k < a.picks; k++) {
    const uint32_t expert = static_cast<uint32_t>(experts[k]);
    const bool goes = experts[k] >= 0 && !is_skipped(a.weights, expert);
    weights[k] = goes ? weight_of(a.weights, weights[k], norm, expert) : 0.0f;
    experts[k] = goes ? experts[k] : -1;
  }
}

}  // namespace moe
