#include "operations.h"

namespace moe {

namespace {

constexpr uint32_t kMaxExperts = 8192;

/** Memory for one operation, freed in the order of the stream. */
class Scratch {
 public:
  Scratch(Context& context, uint64_t bytes) : context_(context), address_(context.allocate(bytes)) {}
  ~Scratch() {
    try {
      context_.release(address_);
    } catch (const CudaError&) {
      // A stream that failed will fail the next call as well, which says so.
    }
  }
  Scratch(const Scratch&) = delete;
  cuda::DevicePtr address() const { return address_; }

 private:
  Context& context_;
  cuda::DevicePtr address_;
};

}  // namespace

uint32_t max_experts(const Device& device) {
  // place.cuh keeps two counts for each expert in shared memory.
  return std::min(kMaxExperts, (device.maxSharedBytes - 1024) / 8);
}

void check_pairs(const Napi::CallbackInfo& info, uint32_t tokens, uint32_t topK) {
  if (static_cast<double>(tokens) * topK <= kMaxTokens) return;
  throw Napi::RangeError::New(info.Env(), "tokens * topK must stay below 2^31");
}

DispatchSizes read_plan_sizes(const Napi::CallbackInfo& info, Arguments& arguments, const Context& context) {
  DispatchSizes sizes = {};
  sizes.tokens = arguments.small("tokens", kMaxTokens);
  sizes.experts = arguments.small("experts", max_experts(context.device()), 1);
  sizes.topK = arguments.small("topK", sizes.experts, 1);
  check_pairs(info, sizes.tokens, sizes.topK);
  return sizes;
}

DispatchSizes read_sizes(const Napi::CallbackInfo& info, Arguments& arguments, const Context& context) {
  const Routing routing = static_cast<Routing>(arguments.small("routing", 2));
  DispatchSizes sizes = read_plan_sizes(info, arguments, context);
  sizes.routing = routing;
  if (routing == Routing::kGroup && sizes.experts % sizes.topK != 0) {
    throw Napi::RangeError::New(info.Env(), "experts must be a multiple of topK in group routing");
  }
  return sizes;
}

DispatchPointers read_pointers(Arguments& arguments) {
  DispatchPointers at = {};
  at.x = arguments.pointer("x");
  at.gating = arguments.pointer("gating");
  at.permuteInput = arguments.pointer("permuteInput");
  at.counts = arguments.pointer("counts");
  at.offsets = arguments.pointer("offsets");
  at.map = arguments.pointer("map");
  at.scales = arguments.pointer("scales");
  at.indices = arguments.pointer("indices");
  return at;
}

uint32_t common_alignment(cuda::DevicePtr a, cuda::DevicePtr b) {
  const uint64_t bits = a | b | 16;
  return static_cast<uint32_t>(bits & (~bits + 1));
}

void clear_plan(const Context& context, const DispatchSizes& sizes, const DispatchPointers& at) {
  const Device& device = context.device();
  const auto clear = [&](cuda::DevicePtr address, uint64_t bytes) {
    device.check(device.api->memsetD8Async(address, 0, bytes, context.stream()), "cuMemsetD8Async");
  };
  clear(at.counts, sizes.experts * 8);
  clear(at.offsets, (sizes.experts + 1) * 4);
}

void plan(Context& context, const DispatchSizes& sizes, DispatchPointers at) {
  if (sizes.tokens == 0) return clear_plan(context, sizes, at);
  const TilePlan plan = plan_places(context.device(), sizes);
  const Scratch scratch(context, plan.workspaceBytes);
  at.workspace = scratch.address();
  run_places(context.device(), plan, sizes, at, context.stream());
}

void permute(const Context& context, const DispatchSizes& sizes, const DispatchPointers& at) {
  if (sizes.tokens == 0 || sizes.rowBytes == 0) return;
  const CopyPlan plan = plan_permute(context.device(), sizes, common_alignment(at.x, at.permuteInput));
  run_permute(context.device(), plan, sizes, at, context.stream());
}

void dispatch(Context& context, const DispatchSizes& sizes, DispatchPointers at) {
  if (sizes.tokens == 0) return clear_plan(context, sizes, at);
  const DispatchPlan plan = plan_dispatch(context.device(), sizes, common_alignment(at.x, at.permuteInput));
  if (plan.path == Path::kDecode) return run_dispatch(context.device(), plan, at, context.stream());
  const Scratch scratch(context, plan.tile.workspaceBytes);
  at.workspace = scratch.address();
  run_dispatch(context.device(), plan, at, context.stream());
}

}  // namespace moe
