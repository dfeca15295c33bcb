// The operations of core's table: checked, scheduled, run.
#pragma once
#include <variant>

#include "dispatch.h"
#include "reduce.h"

namespace moe {

/** No work, but for zeroing the counts and offsets of an operation that has them: of no tokens, or of empty rows. */
struct EmptySchedule {
  bool clearsCounts;
};

/** Which kernels an operation launches for these sizes, and how. */
struct Schedule {
  Operation operation;
  Spec spec;
  std::variant<EmptySchedule, DispatchSchedule, RouteSchedule, TileSchedule, MoveSchedule, ReduceSchedule> kernels;

  uint64_t workspace_bytes() const;
};

uint32_t max_experts(const Device& device);
/** Throws ArgumentError unless the device can do the operation for these sizes. */
void check(const Device& device, Operation operation, const Spec& spec);

/** Of the operation's rows: 1 to 16. */
uint32_t row_alignment(Operation operation, const Tensors& at);
constexpr uint32_t kAlignments[] = {1, 2, 4, 8, 16};

/** A checked spec. Throws CudaError, as all that follows. */
Schedule schedule(const Device& device, Operation operation, const Spec& spec, uint32_t alignment);
/** Launches kernels and does nothing else, unless there are no tokens. */
void run(const Device& device, const Schedule& schedule, const Tensors& at, cuda::DevicePtr workspace,
         cuda::Stream stream);

/** Loads the kernels for any number of tokens up to the spec's. */
void load(const Device& device, Operation operation, const Spec& spec);
/** Workspace for any number of tokens up to the spec's. */
uint64_t most_workspace_bytes(const Device& device, Operation operation, const Spec& spec);

}  // namespace moe
