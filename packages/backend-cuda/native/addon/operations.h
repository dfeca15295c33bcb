// The operations on a context, from checked sizes and addresses. All throw CudaError.
#pragma once
#include "../launch/dispatch.h"
#include "../launch/reduce.h"
#include "arguments.h"
#include "context.h"

namespace moe {

constexpr double kMaxTokens = 2147483647.0;

/** Throws a JavaScript error unless K·T < 2^31. */
void check_pairs(const Napi::CallbackInfo& info, uint32_t tokens, uint32_t topK);
/** tokens, experts, topK: E within what the device can hold. */
DispatchSizes read_plan_sizes(const Napi::CallbackInfo& info, Arguments& arguments, const Context& context);
/** routing, and the same: E mod K = 0 in group routing. */
DispatchSizes read_sizes(const Napi::CallbackInfo& info, Arguments& arguments, const Context& context);
/** x, gating, permuteInput, counts, offsets, map, scales, indices. */
DispatchPointers read_pointers(Arguments& arguments);
uint32_t max_experts(const Device& device);
/** Of both addresses, in bytes: 1 to 16. */
uint32_t common_alignment(cuda::DevicePtr a, cuda::DevicePtr b);

/** Zero counts and offsets: all there is to the plan of no tokens. */
void clear_plan(const Context& context, const DispatchSizes& sizes, const DispatchPointers& at);
void plan(Context& context, const DispatchSizes& sizes, DispatchPointers at);
void permute(const Context& context, const DispatchSizes& sizes, const DispatchPointers& at);
void dispatch(Context& context, const DispatchSizes& sizes, DispatchPointers at);

}  // namespace moe
