// The whole dispatch of a few tokens in one kernel: every block routes and ranks all of them for itself, which takes
// less time than waiting for another kernel, and copies its share of the rows.
#pragma once
#include "place.cuh"
#include "rank.cuh"

namespace moe {

template <int LANES, int VALUES, class Vector, int DEPTH>
__device__ __forceinline__ void dispatch_small(const SmallArgs& args, char* memory) {
  const PlanArgs& plan = args.plan;
  const bool first = blockIdx.x == 0;
  uint32_t* const bases = reinterpret_cast<uint32_t*>(memory);
  const TileMemory m(memory + plan.experts * 4, args.tile);
  RouteArgs route = args.route;
  if (!first) route.indices = nullptr;
  grid_wait();
  grid_trigger();
  const auto ready = [&] {
    uint32_t* const pairs = m.pairs;
    const auto keep = [=](uint64_t pair, uint32_t packed) { pairs[pair] = packed; };
    rank_tile(m, args.tile, 0, route.picks * (32 / LANES), RouteFill<LANES, VALUES>{route, m.pairs}, keep);
    for (uint32_t expert = threadIdx.x; expert < plan.experts; expert += blockDim.x) {
      bases[expert] = m.carry[expert];
      if (first) plan.counts[expert] = m.carry[expert];
    }
    __syncthreads();
    const uint32_t sum = block_exclusive_scan(bases, plan.experts);
    if (!first) return;
    for (uint32_t expert = threadIdx.x; expert < plan.experts; expert += blockDim.x) {
      plan.offsets[expert] = static_cast<int32_t>(bases[expert]);
    }
    if (threadIdx.x == 0) plan.offsets[plan.experts] = static_cast<int32_t>(sum);
  };
  const auto place = [&](uint32_t token, uint32_t k, uint32_t part) {
    const uint32_t row = row_of(m.pairs[token * plan.topK + k], bases);
    if (part == 0) plan.map[static_cast<uint64_t>(k) * plan.tokens + token] = static_cast<int32_t>(row);
    return row;
  };
  copy_units<Vector, DEPTH>(args.copy, 0, plan.topK, blockIdx.x * warps_in_block() + warp_id(),
                            plan.tokens * args.copy.parts, gridDim.x * warps_in_block(), ready, place);
}

}  // namespace moe
