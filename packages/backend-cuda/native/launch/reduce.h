// How moeReduce is launched.
#pragma once
#include "../contract/table.h"
#include "../kernels/args.h"
#include "device.h"

namespace moe {

struct ReduceSchedule {
  Launch launch;  // without a bias
  cuda::Function withBias, withAny;  // a bias; x, and perhaps a bias
  uint32_t parts, partVectors;  // args.h, ReduceArgs
};

/** Loads all kernels of it, so that the first call can be captured. Throws CudaError. */
void load_reduce(const Device& device);

bool can_reduce(DType dtype);
/** At least one token and one element a row. `alignment`: as of schedule_dispatch, of all rows. */
ReduceSchedule schedule_reduce(const Device& device, const Spec& spec, uint32_t alignment);
void run_reduce(const Device& device, const ReduceSchedule& schedule, const Spec& spec, const Tensors& at,
                cuda::Stream stream);

}  // namespace moe
