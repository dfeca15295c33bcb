#include "dispatch.h"

#include "arithmetic.h"
#include "places.h"
#include "route.h"

namespace moe {

namespace {

/** From so many bytes of output on, copying in the order of the tokens is worth a kernel of its own that places. */
constexpr uint64_t kLargeOutput = 64ull << 20;

CopyArgs copy_args(const CopyPlan& plan, const DispatchSizes& s, const DispatchPointers& at) {
  return {reinterpret_cast<const char*>(at.x), reinterpret_cast<char*>(at.permuteInput), s.rowBytes, plan.parts,
          plan.partBytes};
}

uint64_t output_bytes(const DispatchSizes& s) { return static_cast<uint64_t>(s.tokens) * s.topK * s.rowBytes; }

uint32_t vector_bytes(const DispatchSizes& s, uint32_t alignment) {
  const uint64_t bits = s.rowBytes | alignment;
  return static_cast<uint32_t>(std::min<uint64_t>(16, bits & (~bits + 1)));
}

/** Cuts rows into parts that a warp holds in registers, and further, so that few tokens still keep `warps` busy. */
void cut_rows(CopyPlan& plan, const DispatchSizes& s, uint64_t warps, uint32_t vector) {
  const uint64_t unit = 32 * vector;
  const uint64_t useful = std::min(warps / s.tokens, s.rowBytes / unit);
  const uint64_t parts = std::max({uint64_t{1}, useful, ceil_div(s.rowBytes, unit * kCopyDepth)});
  plan.partBytes = static_cast<uint32_t>(std::max(unit, round_up(ceil_div(s.rowBytes, parts), unit)));
  plan.parts = static_cast<uint32_t>(std::max<uint64_t>(1, ceil_div(s.rowBytes, plan.partBytes)));
}

bool fits_decode(const DispatchPlan& plan, uint32_t alignment) {
  const DispatchSizes& s = plan.sizes;
  return vector_bytes(s, alignment) == 16 && in_registers(plan.route) &&
         static_cast<uint64_t>(s.tokens) * s.topK <= kMaxDecodePairs &&
         plan.route.rows <= 2 * lane_shape(plan.route.width).rowsPerWarp();
}

void plan_decode(const Device& device, DispatchPlan& plan) {
  const DispatchSizes& s = plan.sizes;
  cut_rows(plan.copy, s, static_cast<uint64_t>(device.multiprocessors) * kDecodeWarps, 16);
  Launch& how = plan.copy.launch;
  how.block = kDecodeWarps * 32;
  how.grid = static_cast<uint32_t>(
      std::min<uint64_t>(device.multiprocessors, ceil_div(static_cast<uint64_t>(s.tokens) * plan.copy.parts, kDecodeWarps)));
  how.overlaps = true;
  how.function = find_kernel(device, shape_name("decode_", lane_shape(plan.route.width)));
}

void plan_fused(const Device& device, DispatchPlan& plan, uint32_t alignment) {
  const DispatchSizes& s = plan.sizes;
  TilePlan& tile = plan.tile;
  const uint32_t vector = vector_bytes(s, alignment);
  cut_rows(plan.copy, s, static_cast<uint64_t>(device.multiprocessors) * 32, vector);
  // A unit for each warp, but not so many blocks that their own adding up of the tiles costs more than they bring.
  constexpr uint64_t kWarps = 16;
  const uint64_t units = static_cast<uint64_t>(tile.tileTokens) * plan.copy.parts;
  tile.blocksPerTile =
      static_cast<uint32_t>(std::min(ceil_div(units, kWarps), ceil_div(device.multiprocessors * 2, tile.tiles)));
  Launch& how = plan.copy.launch;
  how.block = kWarps * 32;
  how.grid = tile.tiles * tile.blocksPerTile;
  how.sharedBytes = place_bytes(s);
  how.overlaps = true;
  how.function = find_kernel(device, "place_rows_" + std::to_string(vector));
}

}  // namespace

CopyPlan plan_permute(const Device& device, const DispatchSizes& s, uint32_t alignment) {
  CopyPlan plan = {};
  const uint32_t vector = vector_bytes(s, alignment);
  cut_rows(plan, s, static_cast<uint64_t>(device.multiprocessors) * 32, vector);
  const uint64_t units = static_cast<uint64_t>(s.tokens) * plan.parts;
  // Blocks of 32 warps write the longest runs of neighbouring memory, but few of them leave multiprocessors idle.
  const uint32_t warps = units >= static_cast<uint64_t>(device.multiprocessors) * 64 ? 32 : 8;
  plan.launch.block = warps * 32;
  plan.launch.grid = static_cast<uint32_t>(std::min<uint64_t>(ceil_div(units, warps), 1u << 30));
  plan.launch.function = find_kernel(device, "permute_rows_" + std::to_string(vector));
  return plan;
}

void run_permute(const Device& device, const CopyPlan& plan, const DispatchSizes& s, const DispatchPointers& at,
                 cuda::Stream stream) {
  const PermuteArgs args = {copy_args(plan, s, at), reinterpret_cast<const int32_t*>(at.map), s.tokens, s.topK};
  launch(device, plan.launch, stream, &args);
}

DispatchPlan plan_dispatch(const Device& device, const DispatchSizes& sizes, uint32_t alignment) {
  DispatchPlan plan = {};
  plan.sizes = sizes;
  plan.route = describe_route(sizes);
  if (fits_decode(plan, alignment)) {
    plan.path = Path::kDecode;
    plan_decode(device, plan);
    return plan;
  }
  const bool ranksWhileRouting = in_registers(plan.route);
  if (!ranksWhileRouting) plan.route = plan_route(device, sizes);
  plan.tile = plan_tiles(device, sizes, ranksWhileRouting ? &plan.route : nullptr);
  plan.path = output_bytes(sizes) >= kLargeOutput ? Path::kStages : Path::kFused;
  if (plan.path == Path::kFused) {
    plan_fused(device, plan, alignment);
  } else {
    plan_placing(device, sizes, plan.tile);
    plan.copy = plan_permute(device, sizes, alignment);
    // It reads x before it waits, which only the kernel before the one it overlaps may have written.
    plan.copy.launch.overlaps = true;
  }
  return plan;
}

void run_dispatch(const Device& device, const DispatchPlan& plan, const DispatchPointers& at, cuda::Stream stream) {
  const DispatchSizes& s = plan.sizes;
  const RouteArgs route = route_args(plan.route, at);
  const CopyArgs copy = copy_args(plan.copy, s, at);
  if (plan.path == Path::kDecode) {
    const DecodeArgs args = {route,
                             copy,
                             reinterpret_cast<int64_t*>(at.counts),
                             reinterpret_cast<int32_t*>(at.offsets),
                             reinterpret_cast<int32_t*>(at.map),
                             s.experts, s.tokens, s.topK};
    launch(device, plan.copy.launch, stream, &args);
    return;
  }
  const TileArgs tile = tile_args(plan.tile, s, at);
  if (plan.route.launch.present()) {
    launch(device, plan.route.launch, stream, &route);
    launch(device, plan.tile.rank, stream, &tile);
  } else {
    const RouteTileArgs args = {route, tile};
    launch(device, plan.tile.rank, stream, &args);
  }
  const PlanArgs place = plan_args(plan.tile, s, at);
  if (plan.path == Path::kFused) {
    const PlaceArgs args = {place, copy};
    launch(device, plan.copy.launch, stream, &args);
    return;
  }
  launch(device, plan.tile.place, stream, &place);
  run_permute(device, plan.copy, s, at, stream);
}

}  // namespace moe
