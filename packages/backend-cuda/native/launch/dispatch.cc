#include "dispatch.h"

#include "arithmetic.h"

namespace moe {

namespace {

/** From so many bytes of output on, moving rows in the order of the tokens is worth a kernel of its own that maps. */
constexpr uint64_t kLargeOutput = 64ull << 20;

uint64_t output_bytes(const Spec& s) { return static_cast<uint64_t>(s.tokens) * s.topK * row_bytes(s); }

bool fits_decode(const Spec& s, const RouteSchedule& route, uint32_t alignment) {
  return vector_bytes(s, alignment) == 16 && route.fuses() &&
         static_cast<uint64_t>(s.tokens) * s.topK <= kMaxDecodePairs && route.rows <= 2 * route.shape.rowsPerWarp();
}

Path path_of(const Spec& s, uint32_t alignment) {
  // Rows that are weighed on their way have kernels of their own.
  if (s.applyRouterWeightOnInput) return Path::kStages;
  if (fits_decode(s, describe_route(s), alignment)) return Path::kDecode;
  // Rows that are written once are as quick in any order.
  const uint64_t large = s.topK == 1 ? 2 * kLargeOutput : kLargeOutput;
  return output_bytes(s) >= large ? Path::kStages : Path::kFused;
}

void schedule_decode(const Device& device, const Spec& s, DispatchSchedule& schedule) {
  cut_rows(schedule.move, s, static_cast<uint64_t>(device.multiprocessors) * kDecodeWarps, 16);
  Launch& how = schedule.move.launch;
  how.block = kDecodeWarps * 32;
  const uint64_t units = static_cast<uint64_t>(s.tokens) * schedule.move.parts;
  // One more than copy rows: it stores all else.
  how.grid = static_cast<uint32_t>(std::min<uint64_t>(device.multiprocessors, ceil_div(units, kDecodeWarps)) + 1);
  how.overlaps = true;
  how.function = find_kernel(device, lane_kernel(schedule.route, "decode_"));
}

/** Whether weights can wait for the kernel that moves rows: nothing else needs them, and they turn no choice to -1. */
bool weighs_last(const Spec& s, const RouteSchedule& route, Path path) {
  if (s.applyRouterWeightOnInput) return false;
  if (route.chooser == Chooser::kPlain) return s.scoringFunc == ScoringFunc::kSoftmax;
  return path == Path::kFused && route.fuses() && route.groups == 1 && s.scoringFunc == ScoringFunc::kSigmoid &&
         !s.hasTokenMask && s.zeroExperts == 0;
}

/** The blocks in front of a kernel of `blocks` of so many warps, which weigh. */
void schedule_scores(const Device& device, const RouteSchedule& route, uint64_t blocks, uint64_t warps, ScoreSchedule& score) {
  // Eight columns of a row for each lane; lanes enough for as many rows as one team may have, and for all choices of a router.
  score.lanes = route.chooser == Chooser::kPlain ? kScoreRows : 32;
  while (score.lanes < 32 && score.lanes * 8 < route.width) score.lanes *= 2;
  const uint64_t most = ceil_div(route.rows, warps * 32 / score.lanes);
  // Those that run at the same time as all others, two for each multiprocessor.
  const uint64_t together = uint64_t{device.multiprocessors} * 2;
  const uint64_t room = together - std::min(together, blocks);
  score.blocks = static_cast<uint32_t>(std::max(std::min(most, room), ceil_div(most, kScoreRows)));
}

void schedule_fused(const Device& device, const Spec& s, DispatchSchedule& schedule, uint32_t alignment) {
  TileSchedule& tile = schedule.tile;
  const uint32_t vector = vector_bytes(s, alignment);
  cut_rows(schedule.move, s, static_cast<uint64_t>(device.multiprocessors) * 32, vector);
  // A unit for each warp, but not so many blocks that their own adding up of the tiles costs more than they bring.
  constexpr uint64_t kWarps = 16;
  const uint64_t units = static_cast<uint64_t>(tile.tileTokens) * schedule.move.parts;
  tile.blocksPerTile =
      static_cast<uint32_t>(std::min(ceil_div(units, kWarps), ceil_div(device.multiprocessors * 2, tile.tiles)));
  Launch& how = schedule.move.launch;
  how.block = kWarps * 32;
  const uint32_t blocks = tile.tiles * tile.blocksPerTile;
  if (schedule.score.last) schedule_scores(device, schedule.route, blocks, kWarps, schedule.score);
  how.grid = schedule.score.blocks + blocks;
  how.sharedBytes = map_shared_bytes(s);
  how.overlaps = true;
  how.function = find_kernel(device, "map_and_move_" + std::to_string(vector));
}

DispatchSchedule schedule_path(const Device& device, const Spec& s, uint32_t alignment, Path path) {
  DispatchSchedule schedule = {};
  schedule.path = path;
  schedule.route = describe_route(s);
  if (path == Path::kDecode) {
    schedule_decode(device, s, schedule);
    return schedule;
  }
  const bool placesWhileRouting = schedule.route.fuses();
  if (!placesWhileRouting) schedule.route = schedule_route(device, s);
  schedule.score.last = weighs_last(s, schedule.route, path);
  schedule.tile = schedule_tiles(device, s, placesWhileRouting ? &schedule.route : nullptr);
  schedule.workspaceBytes = std::max(schedule.tile.workspaceBytes, schedule.route.workspaceBytes);
  if (path == Path::kFused) {
    schedule_fused(device, s, schedule, alignment);
    return schedule;
  }
  schedule_map(device, s, schedule.tile);
  schedule.move = schedule_move(device, s, alignment);
  // It reads x before it waits, which only the kernel before the one it overlaps may have written.
  schedule.move.launch.overlaps = true;
  return schedule;
}

void run_decode(const Device& device, const DispatchSchedule& schedule, const Spec& s, const Tensors& at,
                cuda::Stream stream) {
  const DecodeArgs args = {route_args(schedule.route, s, at, 0),
                           copy_args(schedule.move, s, at),
                           reinterpret_cast<int64_t*>(at.tokenNumsPerExpert),
                           reinterpret_cast<int32_t*>(at.expertOffsets),
                           reinterpret_cast<int32_t*>(at.permuteIndicesPerToken),
                           real_experts(s), s.tokens, s.topK};
  launch(device, schedule.move.launch, stream, &args);
}

}  // namespace

DispatchSchedule schedule_dispatch(const Device& device, const Spec& spec, uint32_t alignment) {
  return schedule_path(device, spec, alignment, path_of(spec, alignment));
}

void load_dispatch(const Device& device, const Spec& spec, uint32_t alignment) {
  Spec least = spec;
  least.tokens = 1;
  const Path first = path_of(least, alignment), last = path_of(spec, alignment);
  // Which kernels a path takes does not depend on the number of tokens.
  for (const Path path : {Path::kDecode, Path::kFused, Path::kStages}) {
    if (first <= path && path <= last) schedule_path(device, least, alignment, path);
  }
}

uint64_t most_dispatch_bytes(const Device& device, const Spec& spec) {
  const RouteSchedule route = describe_route(spec);
  return std::max(most_workspace_bytes(device, spec, route.fuses() ? &route : nullptr), route.workspaceBytes);
}

void run_dispatch(const Device& device, const DispatchSchedule& schedule, const Spec& s, const Tensors& at,
                  cuda::DevicePtr workspace, cuda::Stream stream) {
  if (schedule.path == Path::kDecode) return run_decode(device, schedule, s, at, stream);
  const TileArgs tile = tile_args(schedule.tile, s, at, workspace);
  const RouteArgs route = route_args(schedule.route, s, at, workspace);
  if (schedule.route.choose.present()) {
    // It is done with the workspace before places are written there.
    run_route(device, schedule.route, s, at, workspace, stream);
    launch(device, schedule.tile.place, stream, &tile);
  } else {
    RouteTileArgs args = {route, tile};
    if (schedule.score.last) args.route.expertScalesFloat = nullptr;
    launch(device, schedule.tile.place, stream, &args);
  }
  const MapArgs map = map_args(schedule.tile, s, at, workspace);
  if (schedule.path == Path::kFused) {
    const MapAndMoveArgs args = {map, copy_args(schedule.move, s, at), {route, schedule.score.blocks, schedule.score.lanes}};
    launch(device, schedule.move.launch, stream, &args);
    return;
  }
  launch(device, schedule.tile.map, stream, &map);
  run_move(device, schedule.move, s, at, schedule.score.last ? route : RouteArgs{}, stream);
}

}  // namespace moe
