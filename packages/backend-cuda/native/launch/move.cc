#include "move.h"

#include "arithmetic.h"

namespace moe {

uint64_t row_bytes(const Spec& s) { return s.hidden * kDTypeBytes[static_cast<uint32_t>(s.dtype)]; }

uint32_t vector_bytes(const Spec& s, uint32_t alignment) {
  return static_cast<uint32_t>(lowest_bit(row_bytes(s) | alignment | 16));
}

void cut_rows(MoveSchedule& schedule, const Spec& s, uint64_t warps, uint32_t vector) {
  const uint64_t rowBytes = row_bytes(s);
  const uint64_t unit = 32 * vector;
  const uint64_t useful = std::min(warps / s.tokens, rowBytes / unit);
  const uint64_t parts = std::max({uint64_t{1}, useful, ceil_div(rowBytes, unit * kCopyDepth)});
  schedule.partBytes = static_cast<uint32_t>(std::max(unit, round_up(ceil_div(rowBytes, parts), unit)));
  schedule.parts = static_cast<uint32_t>(std::max<uint64_t>(1, ceil_div(rowBytes, schedule.partBytes)));
}

CopyArgs copy_args(const MoveSchedule& schedule, const Spec& s, const Tensors& at) {
  return {reinterpret_cast<const char*>(at.x), reinterpret_cast<char*>(at.permuteInput), row_bytes(s), schedule.parts,
          schedule.partBytes};
}

namespace {

std::string move_kernel(const Spec& s, uint32_t vector) {
  if (!s.applyRouterWeightOnInput) return "move_rows_" + std::to_string(vector);
  const uint32_t dtype = static_cast<uint32_t>(s.dtype);
  return std::string("weigh_rows_") + kDTypeNames[dtype] + "_" + std::to_string(vector / kDTypeBytes[dtype]);
}

}  // namespace

MoveSchedule schedule_move(const Device& device, const Spec& s, uint32_t alignment) {
  MoveSchedule schedule = {};
  uint32_t vector = vector_bytes(s, alignment);
  // Rows that are weighed move by 16 bytes or by elements.
  if (s.applyRouterWeightOnInput && vector < 16) vector = kDTypeBytes[static_cast<uint32_t>(s.dtype)];
  cut_rows(schedule, s, static_cast<uint64_t>(device.multiprocessors) * 32, vector);
  const uint64_t units = static_cast<uint64_t>(s.tokens) * schedule.parts;
  // Blocks of 32 warps write the longest runs of neighbouring memory, but few of them leave multiprocessors idle.
  const uint32_t warps = units >= static_cast<uint64_t>(device.multiprocessors) * 64 ? 32 : 8;
  schedule.launch.block = warps * 32;
  schedule.launch.grid = static_cast<uint32_t>(std::min<uint64_t>(ceil_div(units, warps), 1u << 30));
  schedule.launch.function = find_kernel(device, move_kernel(s, vector));
  return schedule;
}

void run_move(const Device& device, const MoveSchedule& schedule, const Spec& s, const Tensors& at,
              const RouteArgs& score, cuda::Stream stream) {
  const MoveArgs args = {copy_args(schedule, s, at), reinterpret_cast<const int32_t*>(at.permuteIndicesPerToken),
                         reinterpret_cast<const float*>(at.expertScalesFloat), score, s.tokens, s.topK};
  launch(device, schedule.launch, stream, &args);
}

}  // namespace moe
