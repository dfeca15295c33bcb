#include "native_prepared.h"

#include "arguments.h"
#include "guard.h"
#include "native_backend.h"

namespace moe {

Napi::Function NativePrepared::define(Napi::Env env) {
  return DefineClass(env, "Prepared",
                     {
                         InstanceMethod<&NativePrepared::run>("run"),
                         InstanceMethod<&NativePrepared::dispose>("dispose"),
                         InstanceAccessor<&NativePrepared::workspace_bytes>("workspaceBytes"),
                     });
}

NativePrepared::NativePrepared(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<NativePrepared>(info), context_(NativeBackend::context_of(info, info[0])) {
  Arguments arguments(info, 1);
  const ArgumentBlock block = arguments.block("block", kBlockLength);
  guarded(info.Env(), [&] {
    operation_ = read_operation(block);
    spec_ = read_spec(block, operation_);
    check(context_->device(), operation_, spec_);
    const Context::Current current(*context_);
    load(context_->device(), operation_, spec_);
    workspaceBytes_ = most_workspace_bytes(context_->device(), operation_, spec_);
    if (workspaceBytes_ > 0) workspace_ = context_->allocate(workspaceBytes_);
  });
}

NativePrepared::~NativePrepared() { release(); }

void NativePrepared::dispose(const Napi::CallbackInfo&) { release(); }

void NativePrepared::release() {
  if (context_ == nullptr) return;
  try {
    const Context::Current current(*context_);
    if (workspace_ != 0) context_->release(workspace_);
  } catch (const CudaError&) {
    // The device is lost, and its memory with it.
  }
  context_.reset();
}

Napi::Value NativePrepared::workspace_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(workspaceBytes_));
}

const Schedule& NativePrepared::schedule_for(uint32_t tokens, uint32_t alignment) {
  size_t index = 0;
  while (kAlignments[index] < alignment) index++;
  std::optional<Schedule>& kept = schedules_[index];
  if (!kept.has_value() || kept->spec.tokens != tokens) {
    Spec spec = spec_;
    spec.tokens = tokens;
    kept = schedule(context_->device(), operation_, spec, alignment);
  }
  return *kept;
}

void NativePrepared::run(const Napi::CallbackInfo& info) {
  if (context_ == nullptr) throw Napi::Error::New(info.Env(), "the prepared operation has been disposed");
  const ArgumentBlock block = Arguments(info).block("block", kBlockLength);
  guarded(info.Env(), [&] {
    const Operation operation = read_operation(block);
    const uint32_t tokens = read_spec(block, operation_).tokens;
    if (operation != operation_) throw ArgumentError("operation: expected the one that was prepared");
    if (tokens > spec_.tokens) throw ArgumentError("tokens: expected at most as many as were prepared for");
    const Tensors at = read_tensors(block, operation_);
    const Context::Current current(*context_);
    const Schedule& schedule = schedule_for(tokens, row_alignment(operation_, at));
    moe::run(context_->device(), schedule, at, workspace_, context_->stream());
  });
}

}  // namespace moe
