#include "tiles.h"

#include "arithmetic.h"

namespace moe {

namespace {

/** Few warps for each tile: those of a multiprocessor get in each other's way. */
constexpr uint32_t kWarps = 4;

/** Shared memory that placing takes (place.cuh, TileMemory). */
uint32_t place_shared_bytes(uint32_t passPairs, uint32_t warps, uint32_t experts) {
  return static_cast<uint32_t>(round_up(passPairs * 4 + (warps + 1) * histogram_width(experts) * 2, 16));
}

LaneShape shape_of(const RouteSchedule* route) {
  return route != nullptr ? route->shape : LaneShape{1, 1};
}

/** The fewest tokens that keep a block busy. */
uint32_t least_tile_tokens(const RouteSchedule* route) {
  return route != nullptr ? std::max(kWarps, kWarps * shape_of(route).rowsPerWarp() / route->groups) : 32;
}

uint32_t most_tile_tokens(const Spec& s) { return std::max(1u, kMaxTilePairs / s.topK); }

/** The tokens of a tile: about a tile for each multiprocessor, but enough to keep a block busy. */
uint32_t tile_tokens(const Device& device, const Spec& s, const RouteSchedule* route) {
  // Every block that maps adds up all histograms: many experts get fewer tiles.
  constexpr uint32_t kMaxCounts = 1 << 18;
  const uint64_t fewTiles = ceil_div(static_cast<uint64_t>(s.tokens) * real_experts(s), kMaxCounts);
  const uint64_t tokens =
      std::max<uint64_t>({least_tile_tokens(route), ceil_div(s.tokens, device.multiprocessors), fewTiles});
  return static_cast<uint32_t>(std::min<uint64_t>(most_tile_tokens(s), tokens));
}

uint64_t histogram_bytes(const Spec& s, uint64_t tiles) {
  return round_up(tiles * histogram_width(real_experts(s)) * 2, 256);
}

uint64_t pair_bytes(const Spec& s) { return static_cast<uint64_t>(s.tokens) * s.topK * 4; }

}  // namespace

TileSchedule schedule_tiles(const Device& device, const Spec& s, const RouteSchedule* route) {
  const LaneShape shape = shape_of(route);
  TileSchedule schedule = {};
  schedule.tileTokens = tile_tokens(device, s, route);
  schedule.tiles = static_cast<uint32_t>(ceil_div(s.tokens, schedule.tileTokens));
  schedule.rowPairs = route != nullptr ? route->picks : 1;
  schedule.rowsPerToken = s.topK / schedule.rowPairs;
  const uint64_t rows = static_cast<uint64_t>(schedule.tileTokens) * schedule.rowsPerToken;
  uint32_t warps = static_cast<uint32_t>(std::min<uint64_t>(32, ceil_div(rows, shape.rowsPerWarp())));
  const uint32_t budget = std::min(device.maxSharedBytes - 2048, 96u * 1024);
  while (warps > 1 && place_shared_bytes(0, warps, real_experts(s)) > budget / 2) warps /= 2;
  const uint64_t room = (budget - place_shared_bytes(0, warps, real_experts(s))) / 4 / schedule.rowPairs;
  schedule.passRows = static_cast<uint32_t>(std::min(rows, room));
  schedule.warpRows = static_cast<uint32_t>(round_up(ceil_div(schedule.passRows, warps), shape.rowsPerWarp()));
  Launch& how = schedule.place;
  how.block = warps * 32;
  how.grid = schedule.tiles;
  how.sharedBytes = place_shared_bytes(schedule.passRows * schedule.rowPairs, warps, real_experts(s));
  how.overlaps = true;
  how.function = find_kernel(device, route != nullptr ? lane_kernel(*route, "tile_") : "place_tiles");
  schedule.histogramBytes = histogram_bytes(s, schedule.tiles);
  schedule.workspaceBytes = schedule.histogramBytes + pair_bytes(s);
  return schedule;
}

uint64_t most_workspace_bytes(const Device& device, const Spec& s, const RouteSchedule* route) {
  // More tokens can mean fewer tiles, because a tile has whole tokens; these are bounds that only grow with them.
  const uint64_t smallTiles = std::min<uint64_t>(device.multiprocessors, ceil_div(s.tokens, least_tile_tokens(route)));
  const uint64_t largestTiles = ceil_div(s.tokens, most_tile_tokens(s));
  return histogram_bytes(s, std::max(smallTiles, largestTiles)) + pair_bytes(s);
}

TileArgs tile_args(const TileSchedule& schedule, const Spec& s, const Tensors& at, cuda::DevicePtr workspace) {
  return {reinterpret_cast<uint16_t*>(workspace),
          reinterpret_cast<uint32_t*>(workspace + schedule.histogramBytes),
          reinterpret_cast<const int32_t*>(at.topKIndices),
          real_experts(s),
          schedule.rowPairs,
          s.tokens * schedule.rowsPerToken,
          schedule.tileTokens * schedule.rowsPerToken,
          schedule.passRows,
          schedule.warpRows};
}

MapArgs map_args(const TileSchedule& schedule, const Spec& s, const Tensors& at, cuda::DevicePtr workspace) {
  return {reinterpret_cast<const uint16_t*>(workspace),
          reinterpret_cast<const uint32_t*>(workspace + schedule.histogramBytes),
          reinterpret_cast<int64_t*>(at.tokenNumsPerExpert),
          reinterpret_cast<int32_t*>(at.expertOffsets),
          reinterpret_cast<int32_t*>(at.permuteIndicesPerToken),
          schedule.tiles, real_experts(s), s.tokens, s.topK, schedule.tileTokens, schedule.blocksPerTile};
}

uint32_t map_shared_bytes(const Spec& s) { return histogram_width(real_experts(s)) * 8; }

void schedule_map(const Device& device, const Spec& s, TileSchedule& schedule) {
  Launch& how = schedule.map;
  how.block = 512;
  how.grid = schedule.tiles;
  how.sharedBytes = map_shared_bytes(s);
  how.overlaps = true;
  how.function = find_kernel(device, "map_tiles");
}

TileSchedule schedule_plan(const Device& device, const Spec& spec) {
  TileSchedule schedule = schedule_tiles(device, spec, nullptr);
  schedule_map(device, spec, schedule);
  return schedule;
}

void run_plan(const Device& device, const TileSchedule& schedule, const Spec& spec, const Tensors& at,
              cuda::DevicePtr workspace, cuda::Stream stream) {
  const TileArgs tile = tile_args(schedule, spec, at, workspace);
  launch(device, schedule.place, stream, &tile);
  const MapArgs map = map_args(schedule, spec, at, workspace);
  launch(device, schedule.map, stream, &map);
}

}  // namespace moe
