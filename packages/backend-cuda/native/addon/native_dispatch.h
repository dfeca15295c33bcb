// A dispatch of one size as JavaScript sees it: kernels chosen and loaded, workspace held.
#pragma once
#include <napi.h>

#include <array>
#include <memory>

#include "../launch/dispatch.h"
#include "context.h"

namespace moe {

class NativeDispatch : public Napi::ObjectWrap<NativeDispatch> {
 public:
  static Napi::Function define(Napi::Env env);
  /** new Dispatch(backend, routing, tokens, experts, topK, rowBytes) */
  explicit NativeDispatch(const Napi::CallbackInfo& info);
  ~NativeDispatch() override;

 private:
  /** run(x, gating, permuteInput, counts, offsets, map, scales, indices): launches kernels, nothing else. */
  void run(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  Napi::Value workspace_bytes(const Napi::CallbackInfo& info);
  void release();

  std::shared_ptr<Context> context_;
  DispatchSizes sizes_;
  /** For tensors aligned to 1, 2, 4, 8, 16 bytes. */
  std::array<DispatchPlan, 5> plans_;
  uint64_t workspaceBytes_ = 0;
  cuda::DevicePtr workspace_ = 0;
};

}  // namespace moe
