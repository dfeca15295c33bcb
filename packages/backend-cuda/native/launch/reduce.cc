#include "reduce.h"

#include "arithmetic.h"

namespace moe {

namespace {

constexpr DType kFloats[] = {DType::kFloat32, DType::kFloat16, DType::kBfloat16};

/** With so few choices, the rows of one step are too few loads: kernels by the number of choices. */
constexpr const char* kFew[] = {"_1", "_2"};

uint32_t element_bytes(DType dtype) { return kDTypeBytes[static_cast<uint32_t>(dtype)]; }

/** `count`: elements that a lane takes at once. */
cuda::Function reduce_kernel(const Device& device, DType dtype, uint32_t count, const char* extra) {
  return find_kernel(device, std::string("reduce_") + kDTypeNames[static_cast<uint32_t>(dtype)] + "_" +
                                 std::to_string(count) + extra);
}

}  // namespace

void load_reduce(const Device& device) {
  for (const DType dtype : kFloats) {
    for (const char* few : kFew) reduce_kernel(device, dtype, 16 / element_bytes(dtype), few);
    for (const uint32_t count : {1u, 16 / element_bytes(dtype)}) {
      for (const char* extra : {"", "_bias", "_any"}) reduce_kernel(device, dtype, count, extra);
    }
  }
}

bool can_reduce(DType dtype) { return std::find(std::begin(kFloats), std::end(kFloats), dtype) != std::end(kFloats); }

ReduceSchedule schedule_reduce(const Device& device, const Spec& s, uint32_t alignment) {
  const uint32_t size = element_bytes(s.dtype);
  const uint32_t count = alignment == 16 && s.hidden * size % 16 == 0 ? 16 / size : 1;
  const uint64_t steps = ceil_div(s.hidden, count * 32);
  // A warp takes four steps of a row if there are warps enough, because the scales are read once; else one.
  const bool many = s.tokens * steps >= static_cast<uint64_t>(device.multiprocessors) * 128;
  const uint64_t stepsOfPart = many ? kFewSteps : 1;
  // Blocks of one warp leave room for as many more on a multiprocessor, which one choice needs to keep memory busy.
  const uint32_t warps = !many ? 8 : s.topK == 1 ? 2 : 1;
  ReduceSchedule schedule = {};
  schedule.parts = static_cast<uint32_t>(ceil_div(steps, stepsOfPart));
  schedule.partVectors = static_cast<uint32_t>(stepsOfPart * 32);
  Launch& how = schedule.launch;
  how.block = warps * 32;
  how.grid = static_cast<uint32_t>(
      std::min<uint64_t>(ceil_div(static_cast<uint64_t>(s.tokens) * schedule.parts, warps), 1u << 30));
  how.overlaps = true;
  const bool few = many && count > 1 && s.topK <= std::size(kFew);
  how.function = reduce_kernel(device, s.dtype, count, few ? kFew[s.topK - 1] : "");
  schedule.withBias = reduce_kernel(device, s.dtype, count, "_bias");
  schedule.withAny = reduce_kernel(device, s.dtype, count, "_any");
  return schedule;
}

void run_reduce(const Device& device, const ReduceSchedule& schedule, const Spec& s, const Tensors& at,
                cuda::Stream stream) {
  const ReduceArgs args = {reinterpret_cast<const void*>(at.ffnOut),
                           reinterpret_cast<const float*>(at.expertScalesFloat),
                           reinterpret_cast<const int32_t*>(at.permuteIndicesPerToken),
                           reinterpret_cast<const int32_t*>(at.topKIndices),
                           reinterpret_cast<const void*>(at.ffn2Bias),
                           reinterpret_cast<const void*>(at.x),
                           reinterpret_cast<void*>(at.output),
                           s.hidden,
                           s.routedScalingFactor,
                           s.normTopkProb ? 1u : 0u,
                           s.applyRouterWeightOnInput ? 1u : 0u,
                           s.tokens,
                           s.topK,
                           s.numExperts,
                           schedule.parts,
                           schedule.partVectors};
  Launch how = schedule.launch;
  if (at.x != 0) how.function = schedule.withAny;
  else if (at.ffn2Bias != 0) how.function = schedule.withBias;
  launch(device, how, stream, &args);
}

}  // namespace moe
