#include "reduce.h"

#include "arithmetic.h"

namespace moe {

namespace {

constexpr Float kFloats[] = {Float::kFloat32, Float::kFloat16, Float::kBfloat16};

uint32_t float_bytes(Float dtype) { return dtype == Float::kFloat32 ? 4 : 2; }

cuda::Function reduce_kernel(const Device& device, Float dtype, uint32_t count, bool bias) {
  static const char* const kNames[] = {"float32", "float16", "bfloat16"};
  return find_kernel(device, std::string("reduce_") + kNames[static_cast<int>(dtype)] + "_" + std::to_string(count) +
                                 (bias ? "_bias" : ""));
}

}  // namespace

void load_reduce(const Device& device) {
  for (const Float dtype : kFloats) {
    for (const uint32_t count : {1u, 16 / float_bytes(dtype)}) {
      for (const bool bias : {false, true}) reduce_kernel(device, dtype, count, bias);
    }
  }
}

void run_reduce(const Device& device, const ReduceSizes& s, const ReducePointers& at, cuda::Stream stream) {
  const uint32_t size = float_bytes(s.dtype);
  const bool aligned = (at.ffn | at.out | at.bias | s.hidden * size) % 16 == 0;
  const uint32_t count = aligned ? 16 / size : 1;
  const uint64_t steps = ceil_div(s.hidden, count * 32);
  // A warp takes four steps of a row where there are warps enough, because the scales are read once; else one.
  const bool many = s.tokens * steps >= static_cast<uint64_t>(device.multiprocessors) * 128;
  const uint64_t stepsOfPart = many ? 4 : 1;
  const uint32_t warps = many ? 1 : 8;
  ReduceArgs args = {reinterpret_cast<const void*>(at.ffn),
                     reinterpret_cast<const float*>(at.scales),
                     reinterpret_cast<const int32_t*>(at.map),
                     reinterpret_cast<const int32_t*>(at.indices),
                     reinterpret_cast<const void*>(at.bias),
                     reinterpret_cast<void*>(at.out),
                     s.factor, s.hidden, s.tokens, s.topK, s.experts, s.normalise ? 1u : 0u, 0, 0};
  args.parts = static_cast<uint32_t>(ceil_div(steps, stepsOfPart));
  args.partVectors = static_cast<uint32_t>(stepsOfPart * 32);
  Launch how;
  how.block = warps * 32;
  how.grid = static_cast<uint32_t>(
      std::min<uint64_t>(ceil_div(static_cast<uint64_t>(s.tokens) * args.parts, warps), 1u << 30));
  how.overlaps = true;
  how.function = reduce_kernel(device, s.dtype, count, at.bias != 0);
  launch(device, how, stream, &args);
}

}  // namespace moe
