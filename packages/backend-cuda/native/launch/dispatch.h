// Which kernels the stages and the whole of a dispatch launch for given sizes, and how.
#pragma once
#include "../kernels/args.h"
#include "device.h"

namespace moe {

enum class Routing { kSoftmax, kGroup, kTopkOnly };

struct DispatchSizes {
  Routing routing;
  uint32_t tokens;
  uint32_t experts;
  uint32_t topK;
  uint64_t rowBytes;
};

struct DispatchPointers {
  cuda::DevicePtr x, gating;
  cuda::DevicePtr permuteInput, counts, offsets, map, scales, indices;
  cuda::DevicePtr workspace;
};

/** Choosing experts. */
struct RoutePlan {
  Launch launch;
  uint32_t rows, width, picks, groups, scalesAreGating;
};

/** Ranking the pairs of tiles, then placing them. Workspace: the tiles' histograms, then the ranked pairs. */
struct TilePlan {
  Launch rank;
  Launch place;  // absent where copying places
  uint32_t tiles, tileTokens, blocksPerTile;
  uint32_t rowPairs, rowsPerToken, passRows, warpRows;  // args.h, TileArgs
  uint64_t histogramBytes, workspaceBytes;
};

struct CopyPlan {
  Launch launch;
  uint32_t parts, partBytes;
};

/**
 * kDecode: one kernel. kFused: ranking, then copying that places for itself. kStages: ranking, placing, copying.
 * The first kernel of the last two routes as well where a row fits into the registers of a warp.
 */
enum class Path { kDecode, kFused, kStages };

/** Everything about a dispatch that does not depend on addresses. */
struct DispatchPlan {
  DispatchSizes sizes;
  Path path;
  RoutePlan route;
  TilePlan tile;
  CopyPlan copy;
};

/** @param alignment of x and permuteInput: 16, or the largest power of two below that divides both addresses. */
DispatchPlan plan_dispatch(const Device& device, const DispatchSizes& sizes, uint32_t alignment);
void run_dispatch(const Device& device, const DispatchPlan& plan, const DispatchPointers& at, cuda::Stream stream);

/** The stages alone. Their sizes have at least one token. */
RoutePlan plan_route(const Device& device, const DispatchSizes& sizes);
void run_route(const Device& device, const RoutePlan& plan, const DispatchPointers& at, cuda::Stream stream);
TilePlan plan_places(const Device& device, const DispatchSizes& sizes);
void run_places(const Device& device, const TilePlan& plan, const DispatchSizes& sizes, const DispatchPointers& at,
                cuda::Stream stream);
CopyPlan plan_permute(const Device& device, const DispatchSizes& sizes, uint32_t alignment);
void run_permute(const Device& device, const CopyPlan& plan, const DispatchSizes& sizes, const DispatchPointers& at,
                 cuda::Stream stream);

}  // namespace moe
