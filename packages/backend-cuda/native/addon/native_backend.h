// A backend as JavaScript sees it: memory, streams and operations.
#pragma once
#include <napi.h>

#include <memory>

#include "../launch/operations.h"
#include "arguments.h"
#include "context.h"
#include "reader.h"

namespace moe {

class NativeBackend : public Napi::ObjectWrap<NativeBackend> {
 public:
  static Napi::Function define(Napi::Env env);
  /** new Backend(ordinal, fatBinary) */
  explicit NativeBackend(const Napi::CallbackInfo& info);
  ~NativeBackend() override;

  /** The context of a live Backend. Throws a JavaScript error for anything else. */
  static std::shared_ptr<Context> context_of(const Napi::CallbackInfo& info, const Napi::Value& value);

 private:
  Napi::Value limits(const Napi::CallbackInfo& info);
  Napi::Value pool(const Napi::CallbackInfo& info);
  Napi::Value allocate(const Napi::CallbackInfo& info);
  void release(const Napi::CallbackInfo& info);
  void upload(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  void use_stream(const Napi::CallbackInfo& info);
  /** run(block): any operation. */
  void run(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  Context& context(const Napi::CallbackInfo& info) const;

  std::shared_ptr<Context> context_;
  Reader* reader_ = nullptr;
};

}  // namespace moe
