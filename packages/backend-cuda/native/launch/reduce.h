// How moe_reduce is launched.
#pragma once
#include "../kernels/args.h"
#include "device.h"

namespace moe {

enum class Float { kFloat32, kFloat16, kBfloat16 };

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

struct ReduceTuning {
  const char* shape = nullptr;
  uint32_t warps = 0;
  uint32_t partSteps = 0;
  uint32_t noOverlap = 0;
};

void run_reduce(const Device& device, const ReduceSizes& sizes, const ReducePointers& at, cuda::Stream stream,
                const ReduceTuning& = {});

}  // namespace moe
