#include "route.h"

#include "arithmetic.h"

namespace moe {

namespace {

constexpr LaneShape kShapes[] = {{4, 4}, {8, 8}, {16, 8}, {32, 8}, {32, 16}, {32, 32}};
constexpr uint32_t kMaxRegisterWidth = 1024;
/** More choices than this are quicker sorted by a block than taken one by one. */
constexpr uint32_t kMaxRegisterPicks = 32;

uint32_t padded_picks(uint32_t picks) {
  uint32_t padded = 1;
  while (padded < picks) padded *= 2;
  return padded;
}

}  // namespace

RoutePlan describe_route(const DispatchSizes& s) {
  RoutePlan plan = {};
  const bool group = s.routing == Routing::kGroup;
  plan.groups = group ? s.topK : 1;
  plan.rows = s.tokens * plan.groups;
  plan.width = s.experts / plan.groups;
  plan.picks = group ? 1 : s.topK;
  plan.scalesAreGating = s.routing == Routing::kTopkOnly;
  return plan;
}

bool in_registers(const RoutePlan& route) {
  return route.width <= kMaxRegisterWidth && route.picks <= kMaxRegisterPicks;
}

LaneShape lane_shape(uint32_t width) {
  for (const LaneShape& shape : kShapes) {
    if (width <= shape.lanes * shape.values) return shape;
  }
  return {32, 1};
}

std::string shape_name(const char* prefix, const LaneShape& shape) {
  return prefix + std::to_string(shape.lanes) + "x" + std::to_string(shape.values);
}

RouteArgs route_args(const RoutePlan& plan, const DispatchPointers& at) {
  return {reinterpret_cast<const float*>(at.gating),
          reinterpret_cast<int32_t*>(at.indices),
          reinterpret_cast<float*>(at.scales),
          plan.rows, plan.width, plan.picks, plan.groups, plan.scalesAreGating};
}

RoutePlan plan_route(const Device& device, const DispatchSizes& sizes) {
  RoutePlan plan = describe_route(sizes);
  Launch& how = plan.launch;
  how.overlaps = true;
  if (in_registers(plan)) {
    const LaneShape shape = lane_shape(plan.width);
    constexpr uint32_t kWarps = 4;
    how.block = kWarps * 32;
    how.grid = static_cast<uint32_t>(
        std::min<uint64_t>(ceil_div(plan.rows, shape.rowsPerWarp() * kWarps), device.multiprocessors * 16));
    how.function = find_kernel(device, shape_name("route_", shape));
    return plan;
  }
  how.block = plan.width <= 2048 ? 256 : 512;
  // wide.cuh, WideMemory.
  how.sharedBytes = 1024 + plan.width * 4 + padded_picks(plan.picks) * 2;
  how.grid = std::min(plan.rows, device.multiprocessors * 8);
  how.function = find_kernel(device, "route_wide_rows");
  return plan;
}

void run_route(const Device& device, const RoutePlan& plan, const DispatchPointers& at, cuda::Stream stream) {
  const RouteArgs args = route_args(plan, at);
  launch(device, plan.launch, stream, &args);
}

}  // namespace moe
