// Choosing how rows are routed: by groups of lanes that hold a row in registers, or by whole blocks.
#pragma once
#include "dispatch.h"

namespace moe {

/** The lanes that hold a row, and the values of each. */
struct LaneShape {
  uint32_t lanes, values;
  uint32_t rowsPerWarp() const { return 32 / lanes; }
};

/** All but `launch`. */
RoutePlan describe_route(const DispatchSizes& sizes);
bool in_registers(const RoutePlan& route);
LaneShape lane_shape(uint32_t width);
/** `prefix` + lanes + x + values: the name of a kernel. */
std::string shape_name(const char* prefix, const LaneShape& shape);
RouteArgs route_args(const RoutePlan& plan, const DispatchPointers& at);

}  // namespace moe
