#include "native_dispatch.h"

#include <algorithm>

#include "guard.h"
#include "native_backend.h"
#include "operations.h"

namespace moe {

Napi::Function NativeDispatch::define(Napi::Env env) {
  return DefineClass(env, "Dispatch",
                     {
                         InstanceMethod<&NativeDispatch::run>("run"),
                         InstanceMethod<&NativeDispatch::dispose>("dispose"),
                         InstanceAccessor<&NativeDispatch::workspace_bytes>("workspaceBytes"),
                     });
}

NativeDispatch::NativeDispatch(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<NativeDispatch>(info), context_(NativeBackend::context_of(info, info[0])) {
  Arguments arguments(info, 1);
  sizes_ = read_sizes(info, arguments, *context_);
  sizes_.rowBytes = arguments.integer("rowBytes", kMaxInteger);
  if (sizes_.tokens == 0) return;
  guarded(info.Env(), [&] {
    const Context::Current current(*context_);
    for (uint32_t i = 0; i < plans_.size(); i++) {
      plans_[i] = plan_dispatch(context_->device(), sizes_, 1u << i);
      workspaceBytes_ = std::max(workspaceBytes_, plans_[i].tile.workspaceBytes);
    }
    if (workspaceBytes_ > 0) workspace_ = context_->allocate(workspaceBytes_);
  });
}

NativeDispatch::~NativeDispatch() { release(); }

void NativeDispatch::dispose(const Napi::CallbackInfo&) { release(); }

void NativeDispatch::release() {
  if (context_ == nullptr) return;
  try {
    const Context::Current current(*context_);
    if (workspace_ != 0) context_->release(workspace_);
  } catch (const CudaError&) {
    // The device is lost, and its memory with it.
  }
  context_.reset();
}

Napi::Value NativeDispatch::workspace_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(workspaceBytes_));
}

void NativeDispatch::run(const Napi::CallbackInfo& info) {
  if (context_ == nullptr) throw Napi::Error::New(info.Env(), "the prepared dispatch has been disposed");
  Arguments arguments(info);
  DispatchPointers at = read_pointers(arguments);
  at.workspace = workspace_;
  guarded(info.Env(), [&] {
    const Context::Current current(*context_);
    if (sizes_.tokens == 0) return clear_plan(*context_, sizes_, at);
    size_t index = 0;
    while (1u << index < common_alignment(at.x, at.permuteInput)) index++;
    run_dispatch(context_->device(), plans_[index], at, context_->stream());
  });
}

}  // namespace moe
