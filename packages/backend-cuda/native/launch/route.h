// Choosing how rows are routed: by teams of lanes that hold a row in registers, by whole blocks, or not by rank at all.
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

/** The kernel that chooses. kPlain and kRouter: teams of lanes, the former for softmax or gating values and nothing else. */
enum class Chooser { kPlain, kRouter, kWide, kGiven, kSparse };

/** Choosing experts and weighing the choices. */
struct RouteSchedule {
  Chooser chooser;
  LaneShape shape;                        // of kPlain and kRouter
  uint32_t rows, width, picks, groups;    // args.h, RouteArgs
  bool finishes;                          // the kernel that chooses makes the weights
  Launch choose, order, drop, weigh;      // those that are there
  uint64_t workspaceBytes;                // the tokens' scores, then their order

  /** Whether kernels that place or move choices can choose by themselves. */
  bool fuses() const { return finishes && (chooser == Chooser::kPlain || chooser == Chooser::kRouter); }
};

/** Experts that get rows. */
inline uint32_t real_experts(const Spec& spec) { return spec.numExperts - spec.zeroExperts; }
/** All but the launches. */
RouteSchedule describe_route(const Spec& spec);
/** Shared memory that the kernel which chooses takes. */
uint64_t route_shared_bytes(const RouteSchedule& route, const Spec& spec);
/** The kernel for teams of lanes that also does `stage`: "", "tile_" or "decode_". */
std::string lane_kernel(const RouteSchedule& route, const char* stage);
RouteArgs route_args(const RouteSchedule& route, const Spec& spec, const Tensors& at, cuda::DevicePtr workspace);

/** At least one token. */
RouteSchedule schedule_route(const Device& device, const Spec& spec);
void run_route(const Device& device, const RouteSchedule& schedule, const Spec& spec, const Tensors& at,
               cuda::DevicePtr workspace, cuda::Stream stream);

}  // namespace moe
