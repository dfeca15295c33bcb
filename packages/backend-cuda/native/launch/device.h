// A device with the module of kernels loaded: what launching needs to know.
#pragma once
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "../driver/cuda_api.h"

namespace moe {

/** A call of the driver that failed. */
struct CudaError : std::runtime_error {
  cuda::Result result;
  CudaError(const cuda::Api& api, cuda::Result code, const char* call)
      : std::runtime_error(std::string(call) + ": " + api.describe(code)), result(code) {}
};

struct Device {
  const cuda::Api* api = nullptr;
  cuda::Device handle = 0;
  cuda::Module module = nullptr;
  uint32_t multiprocessors = 0;
  uint32_t computeCapability = 0;  // 90 for 9.0
  uint32_t maxSharedBytes = 0;     // of a block
  /** Those found so far. */
  mutable std::unordered_map<std::string, cuda::Function> kernels;

  void check(cuda::Result result, const char* call) const {
    if (result != cuda::kSuccess) throw CudaError(*api, result, call);
  }
};

/** How a kernel is launched. */
struct Launch {
  cuda::Function function = nullptr;
  uint32_t grid = 0;
  uint32_t block = 0;
  uint32_t sharedBytes = 0;
  /** May start before the kernel in front of it has ended: it waits inside (device.cuh, grid_wait). */
  bool overlaps = false;

  bool present() const { return function != nullptr; }
};

/** Fills in what does not change with the device; the current context must be the device's. */
void describe_device(Device& device);
/** Finds a kernel, loads it now and lets it use all shared memory, so that launching allocates nothing. Throws CudaError. */
cuda::Function find_kernel(const Device& device, const std::string& name);
/** Throws CudaError. */
void launch(const Device& device, const Launch& how, cuda::Stream stream, const void* args);

}  // namespace moe
