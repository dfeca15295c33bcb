// Which kernels a dispatch of given sizes launches, and how.
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

enum class Path { kChoose, kSmall, kFused, kStages };
enum class CopyKind { kChoose, kVector, kBulk };

/** Overrides for benchmarks; 0 leaves the choice to plan_dispatch. */
struct Tuning {
  Path path = Path::kChoose;
  CopyKind copy = CopyKind::kChoose;
  uint32_t tileTokens = 0;
  uint32_t rankWarps = 0;
  uint32_t copyWarps = 0;
  uint32_t copyBlocks = 0;  // for each multiprocessor, or each tile
  uint32_t depth = 0;
  uint32_t partBytes = 0;
  uint32_t noOverlap = 0;
};

struct RoutePlan {
  Launch launch;
  uint32_t rows, width, picks, groups, scalesAreGating;
};

struct TilePlan {
  Launch rank;   // of choices in memory; absent where routing ranks
  Launch place;  // absent where copying places
  uint32_t tiles, tileTokens, passPairs, blocksPerTile;
};

struct CopyPlan {
  Launch launch;
  uint32_t parts, partBytes;
  uint32_t stages;  // of bulk copies; 0 for others
};

/** Everything about a dispatch that does not depend on addresses. */
struct DispatchPlan {
  DispatchSizes sizes;
  Path path;
  RoutePlan route;
  TilePlan tile;
  CopyPlan copy;
  /** Workspace: the tiles' histograms, then the ranked pairs. */
  uint64_t histogramBytes, workspaceBytes;
};

struct DispatchPointers {
  cuda::DevicePtr x, gating;
  cuda::DevicePtr permuteInput, counts, offsets, map, scales, indices;
  cuda::DevicePtr workspace;
};

/** @param alignment of x and permuteInput: 16, or the largest power of two below that divides both addresses. */
DispatchPlan plan_dispatch(const Device& device, const DispatchSizes& sizes, uint32_t alignment, const Tuning& = {});
void run_dispatch(const Device& device, const DispatchPlan& plan, const DispatchPointers& at, cuda::Stream stream);

/** Parts, for measuring. */
void run_rank_only(const Device& device, const DispatchPlan& plan, const DispatchPointers& at, cuda::Stream stream);
void run_plan_only(const Device& device, const DispatchPlan& plan, const DispatchPointers& at, cuda::Stream stream);

/** The stages alone. */
RoutePlan plan_route(const Device& device, const DispatchSizes& sizes, const Tuning& = {});
void run_route(const Device& device, const RoutePlan& plan, const DispatchPointers& at, cuda::Stream stream);
CopyPlan plan_permute(const Device& device, const DispatchSizes& sizes, uint32_t alignment, const Tuning& = {});
void run_permute(const Device& device, const CopyPlan& plan, const DispatchSizes& sizes, const DispatchPointers& at,
                 cuda::Stream stream);

}  // namespace moe
