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

uint32_t expert_groups(const Spec& spec) {
  switch (spec.router) {
    case Router::kSoftmax:
    case Router::kTopkOnly:
      return 1;
    case Router::kGroup:
      return spec.topK;
  }
  return 0;
}

RouteSchedule describe_route(const Spec& spec) {
  RouteSchedule schedule = {};
  schedule.groups = expert_groups(spec);
  schedule.rows = spec.tokens * schedule.groups;
  schedule.width = spec.numExperts / schedule.groups;
  schedule.picks = spec.topK / schedule.groups;
  switch (spec.router) {
    case Router::kSoftmax:
    case Router::kGroup:
      schedule.scalesAreGating = 0;
      break;
    case Router::kTopkOnly:
      schedule.scalesAreGating = 1;
      break;
  }
  return schedule;
}

bool in_registers(const RouteSchedule& route) {
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

RouteArgs route_args(const RouteSchedule& schedule, const Tensors& at) {
  return {reinterpret_cast<const float*>(at.gatingOutput),
          reinterpret_cast<int32_t*>(at.topKIndices),
          reinterpret_cast<float*>(at.expertScalesFloat),
          schedule.rows, schedule.width, schedule.picks, schedule.groups, schedule.scalesAreGating};
}

RouteSchedule schedule_route(const Device& device, const Spec& spec) {
  RouteSchedule schedule = describe_route(spec);
  Launch& how = schedule.launch;
  how.overlaps = true;
  if (in_registers(schedule)) {
    const LaneShape shape = lane_shape(schedule.width);
    constexpr uint32_t kWarps = 4;
    how.block = kWarps * 32;
    how.grid = static_cast<uint32_t>(
        std::min<uint64_t>(ceil_div(schedule.rows, shape.rowsPerWarp() * kWarps), device.multiprocessors * 16));
    how.function = find_kernel(device, shape_name("route_", shape));
    return schedule;
  }
  how.block = schedule.width <= 2048 ? 256 : 512;
  // wide.cuh, WideMemory.
  how.sharedBytes = 1024 + schedule.width * 4 + padded_picks(schedule.picks) * 2;
  how.grid = std::min(schedule.rows, device.multiprocessors * 8);
  how.function = find_kernel(device, "route_wide_rows");
  return schedule;
}

void run_route(const Device& device, const RouteSchedule& schedule, const Tensors& at, cuda::Stream stream) {
  const RouteArgs args = route_args(schedule, at);
  launch(device, schedule.launch, stream, &args);
}

}  // namespace moe
