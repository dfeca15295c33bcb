#include "operations.h"

#include "arithmetic.h"

namespace moe {

namespace {

constexpr uint32_t kMaxExperts = 8192;
constexpr uint64_t kMaxPairs = 2147483647;

void require(bool holds, const std::string& what) {
  if (!holds) throw ArgumentError(what);
}

void check_experts(const Device& device, const Spec& s) {
  const uint32_t most = max_experts(device);
  require(1 <= s.numExperts && s.numExperts <= most,
          "numExperts: expected 1 to " + std::to_string(most) + ", found " + std::to_string(s.numExperts));
  require(s.topK <= s.numExperts, "topK: expected at most numExperts");
  require(s.zeroExperts < s.numExperts, "zeroExperts: expected fewer than numExperts");
}

void check_router(const Device& device, const Spec& s) {
  require(s.nGroup >= 1 && s.numExperts % s.nGroup == 0, "nGroup: expected a divisor of numExperts");
  require(1 <= s.topkGroup && s.topkGroup <= s.nGroup, "topkGroup: expected 1 to nGroup");
  require(s.topK <= s.numExperts / s.nGroup * s.topkGroup, "topK: expected at most the experts of the kept groups");
  require(s.selection != Selection::kOnePerGroup || s.nGroup == s.topK, "nGroup: expected topK");
  require(s.selection != Selection::kSparsemixer || s.topK == 2, "topK: expected 2");
  require(s.hasExpertIds == (s.selection == Selection::kGiven), "expertIds: expected with the selection 'given'");
  require(s.hasSharedLogits || s.sharedExperts == 0, "sharedLogits: expected with shared experts");
  require(route_shared_bytes(describe_route(s), s) + 1024 <= device.maxSharedBytes,
          "nGroup: more groups than the device has room for");
}

void check_weighed(const Spec& s) {
  require(!s.applyRouterWeightOnInput || can_reduce(s.dtype), "dtype: expected a float that is weighed");
}

/** Zero counts and offsets: the dispatch plan of no tokens. */
void clear_counts(const Device& device, const Spec& spec, const Tensors& at, cuda::Stream stream) {
  const auto clear = [&](cuda::DevicePtr address, uint64_t bytes) {
    device.check(device.api->memsetD8Async(address, 0, bytes, stream), "cuMemsetD8Async");
  };
  clear(at.tokenNumsPerExpert, uint64_t{real_experts(spec)} * 8);
  clear(at.expertOffsets, (uint64_t{real_experts(spec)} + 1) * 4);
}

/** Runs what a schedule holds. */
struct Runner {
  const Device& device;
  const Spec& spec;
  const Tensors& at;
  cuda::DevicePtr workspace;
  cuda::Stream stream;

  void operator()(const EmptySchedule& empty) const {
    if (empty.clearsCounts) clear_counts(device, spec, at, stream);
  }
  void operator()(const DispatchSchedule& dispatch) const {
    run_dispatch(device, dispatch, spec, at, workspace, stream);
  }
  void operator()(const RouteSchedule& route) const { run_route(device, route, spec, at, workspace, stream); }
  void operator()(const TileSchedule& plan) const { run_plan(device, plan, spec, at, workspace, stream); }
  void operator()(const MoveSchedule& move) const { run_move(device, move, spec, at, {}, stream); }
  void operator()(const ReduceSchedule& reduce) const { run_reduce(device, reduce, spec, at, stream); }
};

}  // namespace

uint64_t Schedule::workspace_bytes() const {
  if (const auto* dispatch = std::get_if<DispatchSchedule>(&kernels)) return dispatch->workspaceBytes;
  if (const auto* route = std::get_if<RouteSchedule>(&kernels)) return route->workspaceBytes;
  if (const auto* plan = std::get_if<TileSchedule>(&kernels)) return plan->workspaceBytes;
  return 0;
}

uint32_t max_experts(const Device& device) {
  // map.cuh keeps two counts for each expert in shared memory.
  return std::min(kMaxExperts, (device.maxSharedBytes - 1024) / 8);
}

void check(const Device& device, Operation operation, const Spec& s) {
  require(s.topK >= 1, "topK: expected at least 1");
  require(uint64_t{s.tokens} * s.topK <= kMaxPairs, "tokens * topK: expected less than 2^31");
  switch (operation) {
    case Operation::kMoeDispatch:
    case Operation::kRouteTokens:
      check_experts(device, s);
      check_router(device, s);
      if (operation == Operation::kMoeDispatch) check_weighed(s);
      break;
    case Operation::kPlanDispatch:
      check_experts(device, s);
      break;
    case Operation::kPermuteRows:
      require(s.hasExpertScalesFloat == s.applyRouterWeightOnInput, "expertScalesFloat: expected to weigh rows");
      check_weighed(s);
      break;
    case Operation::kMoeReduce:
      require(can_reduce(s.dtype), "dtype: expected a float that is summed");
      break;
  }
}

uint32_t row_alignment(Operation operation, const Tensors& at) {
  return static_cast<uint32_t>(lowest_bit(row_address_bits(at, operation) | 16));
}

Schedule schedule(const Device& device, Operation operation, const Spec& spec, uint32_t alignment) {
  const bool empty = spec.tokens == 0;
  switch (operation) {
    case Operation::kMoeDispatch:
      if (empty) return {operation, spec, EmptySchedule{true}};
      return {operation, spec, schedule_dispatch(device, spec, alignment)};
    case Operation::kRouteTokens:
      if (empty) return {operation, spec, EmptySchedule{false}};
      return {operation, spec, schedule_route(device, spec)};
    case Operation::kPlanDispatch:
      if (empty) return {operation, spec, EmptySchedule{true}};
      return {operation, spec, schedule_plan(device, spec)};
    case Operation::kPermuteRows:
      if (empty || spec.hidden == 0) return {operation, spec, EmptySchedule{false}};
      return {operation, spec, schedule_move(device, spec, alignment)};
    case Operation::kMoeReduce:
      if (empty || spec.hidden == 0) return {operation, spec, EmptySchedule{false}};
      return {operation, spec, schedule_reduce(device, spec, alignment)};
  }
  return {operation, spec, EmptySchedule{false}};
}

void run(const Device& device, const Schedule& schedule, const Tensors& at, cuda::DevicePtr workspace,
         cuda::Stream stream) {
  std::visit(Runner{device, schedule.spec, at, workspace, stream}, schedule.kernels);
}

void load(const Device& device, Operation operation, const Spec& spec) {
  if (spec.tokens == 0) return;
  for (const uint32_t alignment : kAlignments) {
    if (operation == Operation::kMoeDispatch) load_dispatch(device, spec, alignment);
    else schedule(device, operation, spec, alignment);
  }
}

uint64_t most_workspace_bytes(const Device& device, Operation operation, const Spec& spec) {
  if (spec.tokens == 0) return 0;
  switch (operation) {
    case Operation::kMoeDispatch:
      return most_dispatch_bytes(device, spec);
    case Operation::kPlanDispatch:
      return most_workspace_bytes(device, spec, nullptr);
    case Operation::kRouteTokens:
      return describe_route(spec).workspaceBytes;
    case Operation::kPermuteRows:
    case Operation::kMoeReduce:
      return 0;
  }
  return 0;
}

}  // namespace moe
