#include "places.h"

#include "arithmetic.h"
#include "route.h"

namespace moe {

namespace {

/** Shared memory that ranking takes (rank.cuh, TileMemory). */
uint32_t rank_bytes(uint32_t passPairs, uint32_t warps, uint32_t experts) {
  return static_cast<uint32_t>(round_up(passPairs * 4 + (warps + 1) * histogram_width(experts) * 2, 16));
}

/** The tokens of a tile: about a tile for each multiprocessor, but enough to keep a block busy. */
uint32_t tile_tokens(const Device& device, const DispatchSizes& s, uint64_t least) {
  // Every block that places adds up all histograms: many experts get fewer tiles.
  constexpr uint32_t kMaxCounts = 1 << 18;
  const uint64_t fewTiles = ceil_div(static_cast<uint64_t>(s.tokens) * s.experts, kMaxCounts);
  const uint64_t tokens = std::max({least, ceil_div(s.tokens, device.multiprocessors), fewTiles});
  return static_cast<uint32_t>(std::min<uint64_t>(std::max(1u, kMaxTilePairs / s.topK), tokens));
}

}  // namespace

TilePlan plan_tiles(const Device& device, const DispatchSizes& s, const RoutePlan* route) {
  const LaneShape shape = route != nullptr ? lane_shape(route->width) : LaneShape{1, 1};
  const uint32_t groups = route != nullptr ? route->groups : 1;
  TilePlan plan = {};
  // Few warps for each tile: those of a multiprocessor get in each other's way.
  constexpr uint32_t kWarps = 4;
  plan.tileTokens =
      tile_tokens(device, s, route != nullptr ? std::max(kWarps, kWarps * shape.rowsPerWarp() / groups) : 32);
  plan.tiles = static_cast<uint32_t>(ceil_div(s.tokens, plan.tileTokens));
  plan.rowPairs = route != nullptr ? route->picks : 1;
  plan.rowsPerToken = s.topK / plan.rowPairs;
  const uint64_t rows = static_cast<uint64_t>(plan.tileTokens) * plan.rowsPerToken;
  uint32_t warps = static_cast<uint32_t>(std::min<uint64_t>(32, ceil_div(rows, shape.rowsPerWarp())));
  const uint32_t budget = std::min(device.maxSharedBytes - 2048, 96u * 1024);
  while (warps > 1 && rank_bytes(0, warps, s.experts) > budget / 2) warps /= 2;
  const uint64_t room = (budget - rank_bytes(0, warps, s.experts)) / 4 / plan.rowPairs;
  plan.passRows = static_cast<uint32_t>(std::min(rows, room));
  plan.warpRows = static_cast<uint32_t>(round_up(ceil_div(plan.passRows, warps), shape.rowsPerWarp()));
  plan.rank.block = warps * 32;
  plan.rank.grid = plan.tiles;
  plan.rank.sharedBytes = rank_bytes(plan.passRows * plan.rowPairs, warps, s.experts);
  plan.rank.overlaps = true;
  plan.rank.function = find_kernel(device, route != nullptr ? shape_name("route_tile_", shape) : "rank_tiles");
  plan.histogramBytes = round_up(static_cast<uint64_t>(plan.tiles) * histogram_width(s.experts) * 2, 256);
  plan.workspaceBytes = plan.histogramBytes + static_cast<uint64_t>(s.tokens) * s.topK * 4;
  return plan;
}

TileArgs tile_args(const TilePlan& plan, const DispatchSizes& s, const DispatchPointers& at) {
  return {reinterpret_cast<uint16_t*>(at.workspace),
          reinterpret_cast<uint32_t*>(at.workspace + plan.histogramBytes),
          reinterpret_cast<const int32_t*>(at.indices),
          s.experts,
          plan.rowPairs,
          s.tokens * plan.rowsPerToken,
          plan.tileTokens * plan.rowsPerToken,
          plan.passRows,
          plan.warpRows};
}

PlanArgs plan_args(const TilePlan& plan, const DispatchSizes& s, const DispatchPointers& at) {
  return {reinterpret_cast<const uint16_t*>(at.workspace),
          reinterpret_cast<const uint32_t*>(at.workspace + plan.histogramBytes),
          reinterpret_cast<int64_t*>(at.counts),
          reinterpret_cast<int32_t*>(at.offsets),
          reinterpret_cast<int32_t*>(at.map),
          plan.tiles, s.experts, s.tokens, s.topK, plan.tileTokens, plan.blocksPerTile};
}

uint32_t place_bytes(const DispatchSizes& s) { return histogram_width(s.experts) * 8; }

void plan_placing(const Device& device, const DispatchSizes& s, TilePlan& plan) {
  Launch& how = plan.place;
  how.block = 512;
  how.grid = plan.tiles;
  how.sharedBytes = place_bytes(s);
  how.overlaps = true;
  how.function = find_kernel(device, "place_tiles");
}

TilePlan plan_places(const Device& device, const DispatchSizes& sizes) {
  TilePlan plan = plan_tiles(device, sizes, nullptr);
  plan_placing(device, sizes, plan);
  return plan;
}

void run_places(const Device& device, const TilePlan& plan, const DispatchSizes& sizes, const DispatchPointers& at,
                cuda::Stream stream) {
  const TileArgs tile = tile_args(plan, sizes, at);
  launch(device, plan.rank, stream, &tile);
  const PlanArgs place = plan_args(plan, sizes, at);
  launch(device, plan.place, stream, &place);
}

}  // namespace moe
