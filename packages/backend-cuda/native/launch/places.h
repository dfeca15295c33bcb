// Ranking pairs by expert in tiles, and turning ranks into rows.
#pragma once
#include "dispatch.h"

namespace moe {

/** All but `place`. `route`: routed by the ranking kernel itself; null where the choices are in memory. */
TilePlan plan_tiles(const Device& device, const DispatchSizes& sizes, const RoutePlan* route);
TileArgs tile_args(const TilePlan& plan, const DispatchSizes& sizes, const DispatchPointers& at);
PlanArgs plan_args(const TilePlan& plan, const DispatchSizes& sizes, const DispatchPointers& at);
/** Shared memory of a block that turns ranks into rows (place.cuh, tile_bases). */
uint32_t place_bytes(const DispatchSizes& sizes);
/** Adds `place`. */
void plan_placing(const Device& device, const DispatchSizes& sizes, TilePlan& plan);

}  // namespace moe
