#include "probe.h"

#include "../driver/cuda_api.h"

namespace moe {

namespace {

Napi::Object describe_one(Napi::Env env, const cuda::Api& api, int ordinal) {
  Napi::Object result = Napi::Object::New(env);
  cuda::Device device = 0;
  char name[256] = "";
  size_t bytes = 0;
  api.deviceGet(&device, ordinal);
  api.deviceGetName(name, sizeof name, device);
  api.deviceTotalMem(&bytes, device);
  const auto attribute = [&](cuda::DeviceAttribute which) {
    int value = 0;
    api.deviceGetAttribute(&value, which, device);
    return value;
  };
  result.Set("ordinal", ordinal);
  result.Set("name", name);
  result.Set("memoryBytes", static_cast<double>(bytes));
  result.Set("multiprocessors", attribute(cuda::kMultiprocessorCount));
  result.Set("computeCapability",
             attribute(cuda::kComputeCapabilityMajor) * 10 + attribute(cuda::kComputeCapabilityMinor));
  result.Set("memoryPools", attribute(cuda::kMemoryPoolsSupported) != 0);
  return result;
}

}  // namespace

Napi::Value probe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  Napi::Array devices = Napi::Array::New(env);
  result.Set("devices", devices);
  cuda::LoadFailure failure;
  const cuda::Api* const loaded = cuda::load_api(failure);
  if (failure.reason == cuda::LoadFailure::kNoLibrary) result.Set("noLibrary", failure.detail);
  if (failure.reason == cuda::LoadFailure::kOldLibrary) result.Set("missingFunction", failure.detail);
  const int version = cuda::driver_version();
  if (version != 0) result.Set("driverVersion", version);
  if (loaded == nullptr) return result;
  const cuda::Result initialised = loaded->init(0);
  int count = 0;
  const cuda::Result counted = initialised == cuda::kSuccess ? loaded->deviceGetCount(&count) : initialised;
  if (counted != cuda::kSuccess) {
    result.Set("errorCode", counted);
    result.Set("error", loaded->describe(counted));
    return result;
  }
  for (int i = 0; i < count; i++) devices.Set(static_cast<uint32_t>(i), describe_one(env, *loaded, i));
  return result;
}

}  // namespace moe
