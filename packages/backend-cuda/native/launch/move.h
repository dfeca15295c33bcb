// How rows are moved to where the inverse map says.
#pragma once
#include "../contract/table.h"
#include "../kernels/args.h"
#include "device.h"

namespace moe {

/** Copying rows, in parts. */
struct MoveSchedule {
  Launch launch;
  uint32_t parts, partBytes;  // args.h, CopyArgs
};

uint64_t row_bytes(const Spec& spec);
/** Bytes that a lane moves at once: a power of two up to 16. `alignment`: of x and permuteInput, the same. */
uint32_t vector_bytes(const Spec& spec, uint32_t alignment);
/** Cuts rows into parts that a warp holds in registers, and further, so that few tokens still keep `warps` busy. */
void cut_rows(MoveSchedule& schedule, const Spec& spec, uint64_t warps, uint32_t vector);
CopyArgs copy_args(const MoveSchedule& schedule, const Spec& spec, const Tensors& at);

/** The operation permuteRows, of at least one token and one byte a row. */
MoveSchedule schedule_move(const Device& device, const Spec& spec, uint32_t alignment);
/** `score`: choices that are scored on the way. */
void run_move(const Device& device, const MoveSchedule& schedule, const Spec& spec, const Tensors& at,
              const RouteArgs& score, cuda::Stream stream);

}  // namespace moe
