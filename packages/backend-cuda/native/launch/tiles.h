// Placing pairs in tiles, a tile being a run of tokens whose pairs are counted together, and making the dispatch plan of it.
#pragma once
#include "route.h"

namespace moe {

/** Workspace: the tiles' histograms, then the pairs with their places. */
struct TileSchedule {
  Launch place;
  Launch map;  // absent if moving rows maps as well
  uint32_t tiles, tileTokens, blocksPerTile;
  uint32_t rowPairs, rowsPerToken, passRows, warpRows;  // args.h, TileArgs
  uint64_t histogramBytes, workspaceBytes;
};

/** All but `map`. `route`: routed by the kernel that places; null if the choices are in memory. */
TileSchedule schedule_tiles(const Device& device, const Spec& spec, const RouteSchedule* route);
/** Workspace for any number of tokens up to the spec's. */
uint64_t most_workspace_bytes(const Device& device, const Spec& spec, const RouteSchedule* route);
/** Adds `map`. */
void schedule_map(const Device& device, const Spec& spec, TileSchedule& schedule);
TileArgs tile_args(const TileSchedule& schedule, const Spec& spec, const Tensors& at, cuda::DevicePtr workspace);
MapArgs map_args(const TileSchedule& schedule, const Spec& spec, const Tensors& at, cuda::DevicePtr workspace);
/** Shared memory of a block that turns places into rows (map.cuh, tile_bases). */
uint32_t map_shared_bytes(const Spec& spec);

/** The operation planDispatch, of at least one token. */
TileSchedule schedule_plan(const Device& device, const Spec& spec);
void run_plan(const Device& device, const TileSchedule& schedule, const Spec& spec, const Tensors& at,
              cuda::DevicePtr workspace, cuda::Stream stream);

}  // namespace moe
