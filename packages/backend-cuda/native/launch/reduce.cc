#include "reduce.h"

#include <algorithm>

namespace moe {

namespace {
const char* const kNames[] = {"float32", "float16", "bfloat16"};
uint64_t ceil_div(uint64_t a, uint64_t b) { return (a + b - 1) / b; }
}  // namespace

void run_reduce(const Device& device, const ReduceSizes& s, const ReducePointers& at, cuda::Stream stream,
                const ReduceTuning& tuning) {
  const uint32_t size = s.dtype == Float::kFloat32 ? 4 : 2;
  const bool aligned = (at.ffn | at.out | at.bias | s.hidden * size) % 16 == 0;
  const uint32_t count = aligned ? 16 / size : 1;
  std::string shape = tuning.shape != nullptr ? tuning.shape : s.topK <= 2 ? "4x2" : s.topK <= 4 ? "2x4" : "1x8";
  if (!aligned) shape = "1x8";
  const uint32_t columns = shape[0] - '0';
  const uint32_t step = columns * 32;
  const uint64_t vectors = ceil_div(s.hidden, count);
  const uint64_t steps = ceil_div(vectors, step);
  const uint64_t partSteps = tuning.partSteps != 0 ? tuning.partSteps : 1;
  ReduceArgs args = {reinterpret_cast<const void*>(at.ffn), reinterpret_cast<const float*>(at.scales),
                     reinterpret_cast<const int32_t*>(at.map), reinterpret_cast<const int32_t*>(at.indices),
                     reinterpret_cast<const void*>(at.bias), reinterpret_cast<void*>(at.out), s.factor, s.hidden,
                     s.tokens, s.topK, s.experts, s.normalise ? 1u : 0u, 0, 0};
  args.parts = static_cast<uint32_t>(ceil_div(steps, partSteps));
  args.partVectors = static_cast<uint32_t>(partSteps * step);
  Launch how;
  const uint32_t warps = tuning.warps != 0 ? tuning.warps : 4;
  how.block = warps * 32;
  how.grid = static_cast<uint32_t>(std::min<uint64_t>(ceil_div(static_cast<uint64_t>(s.tokens) * args.parts, warps), 1u << 30));
  how.overlaps = tuning.noOverlap == 0;
  const std::string name = std::string("reduce_") + kNames[static_cast<int>(s.dtype)] + "_" + std::to_string(count) + "x" +
                           shape + (at.bias != 0 ? "_bias" : "");
  how.function = find_kernel(device, name, 0);
  launch(device, how, stream, &args);
}

}  // namespace moe
