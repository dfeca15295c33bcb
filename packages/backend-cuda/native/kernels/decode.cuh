// The whole dispatch of a few tokens (decoding) in one kernel: every warp routes all of them for itself, holds a pair in
// each lane and copies its share of the rows. Nothing waits for another warp. The last two store what is not rows, each its
// own: in a block that rows seldom reach, because scores and counts take as long as copying.
#pragma once
#include "copy.cuh"
#include "route.cuh"

namespace moe {

/** tokenNumsPerExpert and expertOffsets from the warp's pairs. */
__device__ __forceinline__ void store_counts(const DecodeArgs& a, uint32_t expert, uint32_t pairs) {
  for (uint32_t base = 0; base < a.experts + 1; base += 32) {
    const uint32_t column = base + lane_id();
    uint32_t count = 0, below = 0;
    for (uint32_t i = 0; i < pairs; i++) {
      const uint32_t other = __shfl_sync(kFullMask, expert, i);
      count += other == column;
      below += other < column;
    }
    if (column < a.experts) a.tokenNumsPerExpert[column] = count;
    if (column <= a.experts) a.expertOffsets[column] = static_cast<int32_t>(below);
  }
}

template <int LANES, int VALUES, bool ROUTER>
__device__ __forceinline__ void dispatch_decode(const DecodeArgs& a) {
  __shared__ uint32_t memory[kDecodeWarps][kMaxDecodePairs];
  uint32_t* const mine = memory[warp_id()];  // by pair: the expert, then the row
  const uint32_t pairs = a.tokens * a.topK;
  const uint32_t warp = blockIdx.x * warps_in_block() + warp_id();
  RouteArgs route = a.route;
  const uint32_t last = gridDim.x * warps_in_block() - 1;
  const bool storesChoices = warp == last, storesPlan = warp == last - 1;
  if (!storesChoices) {
    route.topKIndices = nullptr;
    route.expertScalesFloat = nullptr;
  }
  const auto route_and_map = [&] {
    const auto emit = [=](uint32_t pair, uint32_t expert) { mine[pair] = expert; };
    for (uint32_t first = 0; first < route.rows; first += 32 / LANES) {
      const uint32_t at = first + lane_id() / LANES;
      route_row<LANES, VALUES, ROUTER>(route, at, at < route.rows, emit);
    }
    __syncwarp();
    const uint32_t expert = lane_id() < pairs ? mine[lane_id()] : kNoExpert;
    uint32_t row = 0;
    for (uint32_t i = 0; i < pairs; i++) {
      const uint32_t other = __shfl_sync(kFullMask, expert, i);
      row += other < expert || (other == expert && i < lane_id());
    }
    __syncwarp();
    mine[lane_id()] = expert == kNoExpert ? kNoRow : row;
    __syncwarp();
    if (!storesPlan) return;
    store_counts(a, expert, pairs);
    const uint32_t token = lane_id() / a.topK, k = lane_id() % a.topK;
    if (lane_id() < pairs) a.permuteIndicesPerToken[k * a.tokens + token] = static_cast<int32_t>(mine[lane_id()]);
  };
  const auto fetch = [&](uint32_t token, uint32_t k) { return mine[token * a.topK + k]; };
  const auto locate = [](uint32_t row, uint32_t, uint32_t, uint32_t) { return row; };
  RowCopy<uint4> copy(a.copy, 0, a.topK, warp, a.tokens * a.copy.parts, gridDim.x * warps_in_block());
  grid_wait();
  grid_trigger();
  copy.load_first();
  route_and_map();
  copy.fetch_first(fetch);
  copy.run(fetch, locate);
}

}  // namespace moe
