// The whole of a dispatch: which kernels it takes, and how they are launched.
#pragma once
#include "move.h"
#include "tiles.h"

namespace moe {

/**
 * kDecode: one kernel. kFused: placing, then moving that maps by itself. kStages: placing, mapping, moving. In the last
 * two, the first kernel routes as well if it can (route.h, fuses). In the order of growing sizes.
 */
enum class Path { kDecode, kFused, kStages };

/** Weighing choices in the kernel that moves: in blocks of its own if it maps as well (args.h, ScoreArgs). */
struct ScoreSchedule {
  bool last;  // else the kernel that chooses does it
  uint32_t blocks, lanes;
};

/** Everything about a dispatch that does not depend on addresses. */
struct DispatchSchedule {
  Path path;
  RouteSchedule route;
  TileSchedule tile;
  MoveSchedule move;
  ScoreSchedule score;
  uint64_t workspaceBytes;
};

/** @param alignment of x and permuteInput: 16, or the largest power of two below that divides both addresses. */
DispatchSchedule schedule_dispatch(const Device& device, const Spec& spec, uint32_t alignment);
void run_dispatch(const Device& device, const DispatchSchedule& schedule, const Spec& spec, const Tensors& at,
                  cuda::DevicePtr workspace, cuda::Stream stream);

/** Loads the kernels for any number of tokens up to the spec's. */
void load_dispatch(const Device& device, const Spec& spec, uint32_t alignment);
/** Workspace for any number of tokens up to the spec's. */
uint64_t most_dispatch_bytes(const Device& device, const Spec& spec);

}  // namespace moe
