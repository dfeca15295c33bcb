// The addon's entry point.
#include <napi.h>

#include "native_backend.h"
#include "native_prepared.h"
#include "probe.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("probe", Napi::Function::New(env, moe::probe, "probe"));
  exports.Set("Backend", moe::NativeBackend::define(env));
  exports.Set("Prepared", moe::NativePrepared::define(env));
  exports.Set("contract", moe::kContract);
  return exports;
}

NODE_API_MODULE(moe_dispatch_cuda, Init)
