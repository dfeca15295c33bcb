// How moe_reduce is launched.
#pragma once
#include "../kernels/args.h"
#include "device.h"

namespace moe {

enum class Float { kFloat32, kFloat16, kBfloat16 };

/** At least one token and one element a row. */
struct ReduceSizes {
  Float dtype;
  uint32_t tokens;
  uint32_t topK;
  uint64_t hidden;
  uint32_t experts;  // 0 without a bias
  bool normalise;
  double factor;
};

struct ReducePointers {
  cuda::DevicePtr ffn, scales, map, indices, bias, out;
};

/** Loads all kernels of it, so that the first call can be captured. Throws CudaError. */
void load_reduce(const Device& device);
void run_reduce(const Device& device, const ReduceSizes& sizes, const ReducePointers& at, cuda::Stream stream);

}  // namespace moe
