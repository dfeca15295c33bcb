// Choosing how rows are routed: by teams of lanes that hold a row in registers, or by whole blocks.
#pragma once
#include "../contract/table.h"
#include "../kernels/args.h"
#include "device.h"

namespace moe {

/** The lanes that hold a row, and the values of each. */
struct LaneShape {
  uint32_t lanes, values;
  uint32_t rowsPerWarp() const { return 32 / lanes; }
};

/** Choosing experts. */
struct RouteSchedule {
  Launch launch;
  uint32_t rows, width, picks, groups, scalesAreGating;  // args.h, RouteArgs
};

/** Expert groups of a token, each of which is routed as a row of its own. */
uint32_t expert_groups(const Spec& spec);
/** All but `launch`. */
RouteSchedule describe_route(const Spec& spec);
bool in_registers(const RouteSchedule& route);
LaneShape lane_shape(uint32_t width);
/** `prefix` + lanes + x + values: the name of a kernel. */
std::string shape_name(const char* prefix, const LaneShape& shape);
RouteArgs route_args(const RouteSchedule& schedule, const Tensors& at);

/** At least one token. */
RouteSchedule schedule_route(const Device& device, const Spec& spec);
void run_route(const Device& device, const RouteSchedule& schedule, const Tensors& at, cuda::Stream stream);

}  // namespace moe
