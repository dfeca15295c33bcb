#include "dispatch.h"

#include <algorithm>

namespace moe {

namespace {

uint32_t ceil_div(uint64_t a, uint64_t b) { return static_cast<uint32_t>((a + b - 1) / b); }
uint32_t round_up(uint32_t a, uint32_t b) { return (a + b - 1) / b * b; }
uint32_t or_default(uint32_t value, uint32_t otherwise) { return value != 0 ? value : otherwise; }

/** Lanes and values a lane of the kernels that hold a row in registers. */
struct Shape {
  uint32_t lanes, values;
};
constexpr Shape kShapes[] = {{4, 4}, {8, 8}, {16, 8}, {32, 8}, {32, 16}, {32, 32}};
constexpr uint32_t kMaxRegisterWidth = 1024;
/** More choices than this are quicker sorted by a block than taken one by one. */
constexpr uint32_t kMaxRegisterPicks = 32;

Shape shape_for(uint32_t width) {
  for (const Shape& shape : kShapes) {
    if (width <= shape.lanes * shape.values) return shape;
  }
  return {0, 0};
}

std::string shape_name(const char* prefix, const Shape& shape) {
  return prefix + std::to_string(shape.lanes) + "x" + std::to_string(shape.values);
}

bool in_registers(const RoutePlan& route) {
  return route.width <= kMaxRegisterWidth && route.picks <= kMaxRegisterPicks;
}

RoutePlan describe_route(const DispatchSizes& s) {
  const bool group = s.routing == Routing::kGroup;
  RoutePlan plan = {};
  plan.groups = group ? s.topK : 1;
  plan.rows = s.tokens * plan.groups;
  plan.width = s.experts / plan.groups;
  plan.picks = group ? 1 : s.topK;
  plan.scalesAreGating = s.routing == Routing::kTopkOnly;
  return plan;
}

uint32_t padded_picks(uint32_t picks) {
  uint32_t padded = 1;
  while (padded < picks) padded *= 2;
  return padded;
}

/** Shared memory that ranking takes (rank.cuh, TileMemory). */
uint32_t rank_bytes(uint32_t passPairs, uint32_t warps, uint32_t experts) {
  return round_up(passPairs * 4 + (warps + 1) * experts * 2, 16);
}

void launch_route(const Device& device, RoutePlan& plan, const Tuning& tuning) {
  Launch& how = plan.launch;
  how.overlaps = tuning.noOverlap == 0;
  if (in_registers(plan)) {
    const Shape shape = shape_for(plan.width);
    const uint32_t rowsPerWarp = 32 / shape.lanes;
    how.block = 128;
    how.grid = std::min(ceil_div(plan.rows, rowsPerWarp * 4), device.multiprocessors * 16);
    how.function = find_kernel(device, shape_name("route_", shape), 0);
    return;
  }
  how.block = plan.width <= 2048 ? 256 : 512;
  how.sharedBytes = 1024 + plan.width * 4 + padded_picks(plan.picks) * 2;
  how.grid = std::min(plan.rows, device.multiprocessors * 8);
  how.function = find_kernel(device, "route_wide_rows", how.sharedBytes);
}

/** The tokens of a tile: about a tile for each multiprocessor. */
uint32_t tile_tokens(const Device& device, const DispatchSizes& s, uint32_t least) {
  // Every block that places adds up all histograms: many experts get fewer tiles.
  constexpr uint32_t kMaxCounts = 1 << 18;
  const uint32_t fewTiles = ceil_div(static_cast<uint64_t>(s.tokens) * s.experts, kMaxCounts);
  const uint32_t tokens = std::max({least, ceil_div(s.tokens, device.multiprocessors), fewTiles});
  return std::min(std::max(1u, kMaxTilePairs / s.topK), tokens);
}

RouteArgs route_args(const RoutePlan& plan, const DispatchPointers& at) {
  return {reinterpret_cast<const float*>(at.gating), reinterpret_cast<int32_t*>(at.indices),
          reinterpret_cast<float*>(at.scales), plan.rows, plan.width, plan.picks, plan.groups, plan.scalesAreGating};
}

TileArgs tile_args(const DispatchPlan& plan, const DispatchPointers& at) {
  const DispatchSizes& s = plan.sizes;
  return {reinterpret_cast<uint16_t*>(at.workspace),
          reinterpret_cast<uint32_t*>(at.workspace + plan.histogramBytes),
          reinterpret_cast<const int32_t*>(at.indices),
          static_cast<uint64_t>(s.tokens) * s.topK,
          s.experts,
          plan.tile.tileTokens * s.topK,
          plan.tile.passPairs};
}

PlanArgs plan_args(const DispatchPlan& plan, const DispatchPointers& at) {
  const DispatchSizes& s = plan.sizes;
  const TilePlan& t = plan.tile;
  return {reinterpret_cast<const uint16_t*>(at.workspace),
          reinterpret_cast<const uint32_t*>(at.workspace + plan.histogramBytes),
          reinterpret_cast<int64_t*>(at.counts),
          reinterpret_cast<int32_t*>(at.offsets),
          reinterpret_cast<int32_t*>(at.map),
          t.tiles, s.experts, s.tokens, s.topK, t.tileTokens, t.blocksPerTile};
}

CopyArgs copy_args(const CopyPlan& plan, const DispatchSizes& s, const DispatchPointers& at) {
  return {reinterpret_cast<const char*>(at.x), reinterpret_cast<char*>(at.permuteInput), s.rowBytes, plan.parts,
          plan.partBytes};
}

/** Cuts rows into parts of at most `most` bytes, all but the last a multiple of `unit`. */
void cut_rows(CopyPlan& plan, uint64_t rowBytes, uint64_t wantedParts, uint32_t unit, uint32_t most) {
  const uint64_t least = std::max<uint64_t>(wantedParts, ceil_div(rowBytes, most));
  const uint64_t bytes = (rowBytes + least - 1) / least;
  plan.partBytes = static_cast<uint32_t>((bytes + unit - 1) / unit * unit);
  plan.parts = std::max(1u, ceil_div(rowBytes, plan.partBytes));
}

constexpr uint32_t kMaxPartBytes = 1u << 30;

/** How rows are copied; `prefix` + a width or "bulk" names the kernel. `extraShared` comes before a ring of slots. */
CopyPlan plan_copy(const Device& device, const DispatchSizes& s, uint32_t alignment, const char* prefix,
                   uint32_t extraShared, const Tuning& tuning) {
  CopyPlan plan = {};
  uint64_t bits = s.rowBytes | alignment;
  const uint32_t vector = static_cast<uint32_t>(std::min<uint64_t>(16, bits & (~bits + 1)));
  const bool bulk = tuning.copy == CopyKind::kBulk && vector == 16 && device.computeCapability >= 90;
  plan.launch.overlaps = tuning.noOverlap == 0;
  if (bulk) {
    const uint32_t warps = or_default(tuning.copyWarps, 4);
    const uint32_t blocks = or_default(tuning.copyBlocks, 1);
    const uint32_t shared = std::min(device.maxSharedBytes - 2048, (device.maxSharedBytes + 1024) / blocks - 3072);
    const uint32_t ring = shared - round_up(extraShared, 128) - 2048;
    cut_rows(plan, s.rowBytes, 1, 128, or_default(tuning.partBytes, 16384));
    plan.stages = std::max(2u, std::min(16u, ring / warps / plan.partBytes));
    plan.launch.block = warps * 32;
    plan.launch.sharedBytes =
        round_up(extraShared, 128) + round_up(warps * plan.stages * 8, 128) + warps * plan.stages * plan.partBytes;
    plan.launch.function = find_kernel(device, std::string(prefix) + "bulk", device.maxSharedBytes);
    return plan;
  }
  const uint32_t depth = or_default(tuning.depth, 4);
  const std::string width = vector == 16 ? "16x" + std::to_string(depth) : std::to_string(vector);
  const uint32_t warps = or_default(tuning.copyWarps, 8);
  const uint64_t wantedWarps = static_cast<uint64_t>(device.multiprocessors) * 32;
  const uint64_t parts = std::max<uint64_t>(1, wantedWarps / std::max(1u, s.tokens));
  const uint64_t mostParts = std::max<uint64_t>(1, s.rowBytes / (32 * vector));
  cut_rows(plan, s.rowBytes, std::min(parts, mostParts), 32 * vector, or_default(tuning.partBytes, kMaxPartBytes));
  plan.launch.block = warps * 32;
  plan.launch.sharedBytes = extraShared;
  plan.launch.function = find_kernel(device, prefix + width, extraShared);
  return plan;
}

void plan_tiles(const Device& device, DispatchPlan& plan, const Tuning& tuning) {
  const DispatchSizes& s = plan.sizes;
  const bool ranksWhileRouting = in_registers(plan.route);
  const Shape shape = ranksWhileRouting ? shape_for(plan.route.width) : Shape{32, 1};
  const uint32_t rowsPerWarp = 32 / shape.lanes;
  TilePlan& t = plan.tile;
  const uint32_t least = std::max(1u, 4 * rowsPerWarp / plan.route.groups);
  t.tileTokens = or_default(tuning.tileTokens, tile_tokens(device, s, ranksWhileRouting ? least : 32));
  t.tiles = ceil_div(s.tokens, t.tileTokens);
  const uint32_t rowsInTile = t.tileTokens * plan.route.groups;
  uint32_t warps = or_default(tuning.rankWarps, std::min(32u, ceil_div(rowsInTile, rowsPerWarp)));
  const uint32_t budget = std::min(device.maxSharedBytes - 2048, 96u * 1024);
  while (warps > 1 && rank_bytes(0, warps, s.experts) > budget / 2) warps /= 2;
  const uint32_t room = (budget - rank_bytes(0, warps, s.experts)) / 4;
  // Routing fills a pass row by row.
  t.passPairs = std::min(t.tileTokens * s.topK, ranksWhileRouting ? room / plan.route.picks * plan.route.picks : room);
  Launch& how = ranksWhileRouting ? plan.route.launch : t.rank;
  how.block = warps * 32;
  how.grid = t.tiles;
  how.sharedBytes = rank_bytes(t.passPairs, warps, s.experts);
  how.overlaps = tuning.noOverlap == 0;
  const std::string name = ranksWhileRouting ? shape_name("route_tile_", shape) : "rank_tiles";
  how.function = find_kernel(device, name, how.sharedBytes);
  plan.histogramBytes = (static_cast<uint64_t>(t.tiles) * s.experts * 2 + 255) / 256 * 256;
  plan.workspaceBytes = plan.histogramBytes + static_cast<uint64_t>(s.tokens) * s.topK * 4;
}

void plan_placing(const Device& device, DispatchPlan& plan, uint32_t alignment, const Tuning& tuning) {
  const DispatchSizes& s = plan.sizes;
  TilePlan& t = plan.tile;
  const uint32_t shared = s.experts * 8;
  if (plan.path == Path::kFused) {
    plan.copy = plan_copy(device, s, alignment, "place_rows_", shared, tuning);
    const uint32_t fill = ceil_div(device.multiprocessors * 2, t.tiles);
    t.blocksPerTile = or_default(tuning.copyBlocks, std::max(1u, std::min(fill, ceil_div(static_cast<uint64_t>(
        t.tileTokens) * plan.copy.parts, plan.copy.launch.block / 32))));
    plan.copy.launch.grid = t.tiles * t.blocksPerTile;
    return;
  }
  t.blocksPerTile = 1;
  t.place = {find_kernel(device, "place_tiles", shared), t.tiles, std::min(1024u, std::max(256u, round_up(s.experts, 32))), shared,
             tuning.noOverlap == 0};
  plan.copy = plan_permute(device, s, alignment, tuning);
  plan.copy.launch.overlaps = tuning.noOverlap == 0;
}

void plan_small(const Device& device, DispatchPlan& plan, const Tuning& tuning) {
  const DispatchSizes& s = plan.sizes;
  const Shape shape = shape_for(plan.route.width);
  plan.tile.tileTokens = s.tokens;
  plan.tile.tiles = 1;
  plan.tile.blocksPerTile = 1;
  plan.tile.passPairs = s.tokens * s.topK;
  CopyPlan& copy = plan.copy;
  const uint32_t warps = or_default(tuning.copyWarps, std::max(4u, std::min(16u, ceil_div(plan.route.rows * shape.lanes, 32))));
  const uint64_t wantedParts = std::max<uint64_t>(1, static_cast<uint64_t>(device.multiprocessors) * warps / s.tokens);
  cut_rows(copy, s.rowBytes, std::min<uint64_t>(wantedParts, ceil_div(s.rowBytes, 512)), 512,
           or_default(tuning.partBytes, kMaxPartBytes));
  copy.launch.block = warps * 32;
  copy.launch.grid = std::max(1u, std::min(device.multiprocessors, ceil_div(static_cast<uint64_t>(s.tokens) * copy.parts, warps)));
  copy.launch.sharedBytes = s.experts * 4 + rank_bytes(plan.tile.passPairs, warps, s.experts);
  copy.launch.overlaps = tuning.noOverlap == 0;
  copy.launch.function = find_kernel(device, shape_name("dispatch_small_", shape), copy.launch.sharedBytes);
}

/** Every block routes all tokens: worth it while that takes less time than a second kernel. */
bool is_small(const DispatchPlan& plan, uint32_t alignment) {
  const DispatchSizes& s = plan.sizes;
  return alignment == 16 && s.rowBytes % 16 == 0 && in_registers(plan.route) &&
         static_cast<uint64_t>(s.tokens) * s.experts <= 4096 && static_cast<uint64_t>(s.tokens) * s.topK <= 256;
}

}  // namespace

RoutePlan plan_route(const Device& device, const DispatchSizes& sizes, const Tuning& tuning) {
  RoutePlan plan = describe_route(sizes);
  launch_route(device, plan, tuning);
  return plan;
}

CopyPlan plan_permute(const Device& device, const DispatchSizes& s, uint32_t alignment, const Tuning& tuning) {
  CopyPlan plan = plan_copy(device, s, alignment, "permute_rows_", 0, tuning);
  const uint32_t warps = plan.launch.block / 32;
  const uint64_t units = static_cast<uint64_t>(s.tokens) * plan.parts;
  const uint64_t blocks = (units + warps - 1) / warps;
  const uint64_t most = plan.stages > 0 ? static_cast<uint64_t>(device.multiprocessors) * or_default(tuning.copyBlocks, 1)
                        : tuning.copyBlocks > 0 ? static_cast<uint64_t>(device.multiprocessors) * tuning.copyBlocks
                                                : 1u << 30;
  plan.launch.grid = static_cast<uint32_t>(std::min(blocks, most));
  plan.launch.overlaps = false;
  return plan;
}

DispatchPlan plan_dispatch(const Device& device, const DispatchSizes& sizes, uint32_t alignment, const Tuning& tuning) {
  DispatchPlan plan = {};
  plan.sizes = sizes;
  plan.route = describe_route(sizes);
  plan.path = tuning.path != Path::kChoose ? tuning.path : is_small(plan, alignment) ? Path::kSmall : Path::kFused;
  if (plan.path == Path::kSmall) {
    plan_small(device, plan, tuning);
    return plan;
  }
  if (!in_registers(plan.route)) launch_route(device, plan.route, tuning);
  plan_tiles(device, plan, tuning);
  plan_placing(device, plan, alignment, tuning);
  return plan;
}

void run_route(const Device& device, const RoutePlan& plan, const DispatchPointers& at, cuda::Stream stream) {
  const RouteArgs args = route_args(plan, at);
  launch(device, plan.launch, stream, &args);
}

void run_permute(const Device& device, const CopyPlan& plan, const DispatchSizes& s, const DispatchPointers& at,
                 cuda::Stream stream) {
  const PermuteArgs args = {copy_args(plan, s, at), reinterpret_cast<const int32_t*>(at.map), s.tokens, s.topK};
  launch(device, plan.launch, stream, &args, &plan.stages);
}

void run_rank_only(const Device& device, const DispatchPlan& plan, const DispatchPointers& at, cuda::Stream stream) {
  const RouteArgs route = route_args(plan.route, at);
  const TileArgs tile = tile_args(plan, at);
  if (in_registers(plan.route)) {
    const RouteTileArgs args = {route, tile};
    launch(device, plan.route.launch, stream, &args);
  } else {
    launch(device, plan.route.launch, stream, &route);
    launch(device, plan.tile.rank, stream, &tile);
  }
}

void run_plan_only(const Device& device, const DispatchPlan& plan, const DispatchPointers& at, cuda::Stream stream) {
  run_rank_only(device, plan, at, stream);
  const PlanArgs place = plan_args(plan, at);
  launch(device, plan.tile.place, stream, &place);
}

void run_dispatch(const Device& device, const DispatchPlan& plan, const DispatchPointers& at, cuda::Stream stream) {
  const RouteArgs route = route_args(plan.route, at);
  const TileArgs tile = tile_args(plan, at);
  const PlanArgs place = plan_args(plan, at);
  const CopyArgs copy = copy_args(plan.copy, plan.sizes, at);
  if (plan.path == Path::kSmall) {
    const SmallArgs args = {route, tile, place, copy};
    launch(device, plan.copy.launch, stream, &args);
    return;
  }
  run_rank_only(device, plan, at, stream);
  if (plan.path == Path::kFused) {
    const PlaceArgs args = {place, copy};
    launch(device, plan.copy.launch, stream, &args, &plan.copy.stages);
    return;
  }
  launch(device, plan.tile.place, stream, &place);
  run_permute(device, plan.copy, plan.sizes, at, stream);
}

}  // namespace moe
