#include "device.h"

namespace moe {

void describe_device(Device& device) {
  const auto attribute = [&](cuda::DeviceAttribute which) {
    int value = 0;
    device.check(device.api->deviceGetAttribute(&value, which, device.handle), "cuDeviceGetAttribute");
    return static_cast<uint32_t>(value);
  };
  device.multiprocessors = attribute(cuda::kMultiprocessorCount);
  device.computeCapability =
      attribute(cuda::kComputeCapabilityMajor) * 10 + attribute(cuda::kComputeCapabilityMinor);
  device.maxSharedBytes = attribute(cuda::kMaxSharedMemoryPerBlockOptin);
}

cuda::Function find_kernel(const Device& device, const std::string& name) {
  const auto known = device.kernels.find(name);
  if (known != device.kernels.end()) return known->second;
  cuda::Function function = nullptr;
  device.check(device.api->moduleGetFunction(&function, device.module, name.c_str()), "cuModuleGetFunction");
  // What the kernels declare statically counts against the same limit.
  constexpr uint32_t kStatic = 1024;
  device.check(device.api->funcSetAttribute(function, cuda::kMaxDynamicSharedSizeBytes,
                                            static_cast<int>(device.maxSharedBytes - kStatic)),
               "cuFuncSetAttribute");
  device.kernels.emplace(name, function);
  return function;
}

void launch(const Device& device, const Launch& how, cuda::Stream stream, const void* args) {
  cuda::LaunchAttribute attribute = {};
  attribute.id = cuda::kProgrammaticStreamSerialization;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  const bool overlaps = how.overlaps && device.computeCapability >= 90;
  const cuda::LaunchConfig config = {how.grid, 1, 1, how.block, 1, 1, how.sharedBytes, stream,
                                     overlaps ? &attribute : nullptr, overlaps ? 1u : 0u};
  void* parameters[] = {const_cast<void*>(args)};
  device.check(device.api->launchKernelEx(&config, how.function, parameters, nullptr), "cuLaunchKernelEx");
}

}  // namespace moe
