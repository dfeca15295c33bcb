#include "context.h"

#include "../launch/reduce.h"

namespace moe {

Context::Current::Current(const Context& context) : api_(*context.device_.api) {
  context.device_.check(api_.ctxPushCurrent(context.context_), "cuCtxPushCurrent");
}

Context::Current::~Current() {
  cuda::Context previous;
  api_.ctxPopCurrent(&previous);
}

Context::Context(const cuda::Api& api, int ordinal, const void* image) {
  device_.api = &api;
  device_.check(api.init(0), "cuInit");
  device_.check(api.deviceGet(&device_.handle, ordinal), "cuDeviceGet");
  device_.check(api.devicePrimaryCtxRetain(&context_, device_.handle), "cuDevicePrimaryCtxRetain");
  try {
    create(ordinal, image);
  } catch (...) {
    destroy();
    throw;
  }
}

void Context::create(int ordinal, const void* image) {
  const cuda::Api& api = *device_.api;
  const Current current(*this);
  describe_device(device_);
  device_.check(api.moduleLoadData(&device_.module, image), "cuModuleLoadData");
  load_reduce(device_);
  device_.check(api.streamCreate(&own_, cuda::kStreamNonBlocking), "cuStreamCreate");
  device_.check(api.eventCreate(&order_, cuda::kEventDisableTiming), "cuEventCreate");
  // A pool of its own: the device's default pool is shared with the process's other users of CUDA.
  cuda::MemoryPoolProperties properties;
  properties.locationId = ordinal;
  device_.check(api.memPoolCreate(&pool_, &properties), "cuMemPoolCreate");
  uint64_t keep = UINT64_MAX;
  device_.check(api.memPoolSetAttribute(pool_, cuda::kReleaseThreshold, &keep), "cuMemPoolSetAttribute");
  stream_ = own_;
}

Context::~Context() { destroy(); }

// Errors have nobody to go to here, and the driver may be gone already when the process ends.
void Context::destroy() {
  const cuda::Api& api = *device_.api;
  if (api.ctxPushCurrent(context_) == cuda::kSuccess) {
    if (stream_ != own_ && !capturing()) api.streamSynchronize(stream_);
    if (own_ != nullptr) {
      for (const cuda::DevicePtr address : live_) api.memFreeAsync(address, own_);
      for (const cuda::DevicePtr address : pending_) api.memFreeAsync(address, own_);
      api.streamSynchronize(own_);
      api.streamDestroy(own_);
    }
    if (pool_ != nullptr) api.memPoolDestroy(pool_);
    if (order_ != nullptr) api.eventDestroy(order_);
    if (device_.module != nullptr) api.moduleUnload(device_.module);
    cuda::Context previous;
    api.ctxPopCurrent(&previous);
  }
  api.devicePrimaryCtxRelease(device_.handle);
}

cuda::DevicePtr Context::allocate(uint64_t bytes) {
  const cuda::Api& api = *device_.api;
  free_pending();
  cuda::DevicePtr address = 0;
  cuda::Result result = api.memAllocAsync(&address, bytes, pool_, stream_);
  if (result == cuda::kErrorOutOfMemory && !capturing()) {
    // What was freed may still be waiting for the work in front of it, or lie in pieces.
    device_.check(api.streamSynchronize(stream_), "cuStreamSynchronize");
    device_.check(api.memPoolTrimTo(pool_, 0), "cuMemPoolTrimTo");
    result = api.memAllocAsync(&address, bytes, pool_, stream_);
  }
  device_.check(result, "cuMemAllocFromPoolAsync");
  live_.insert(address);
  return address;
}

bool Context::release(cuda::DevicePtr address) {
  if (live_.erase(address) == 0) return false;
  pending_.push_back(address);
  free_pending();
  return true;
}

void Context::free_pending() {
  if (pending_.empty() || capturing()) return;
  std::vector<cuda::DevicePtr> addresses;
  addresses.swap(pending_);
  for (const cuda::DevicePtr address : addresses) {
    device_.check(device_.api->memFreeAsync(address, stream_), "cuMemFreeAsync");
  }
}

void Context::use_stream(cuda::Stream stream, bool own) {
  const cuda::Stream next = own ? own_ : stream;
  if (next == stream_) return;
  const cuda::Stream before = stream_;
  const bool wasCapturing = capturing();
  stream_ = next;
  // A capture may only wait for its own: its caller has to order it.
  if (wasCapturing || capturing()) return;
  device_.check(device_.api->eventRecord(order_, before), "cuEventRecord");
  device_.check(device_.api->streamWaitEvent(next, order_, 0), "cuStreamWaitEvent");
}

bool Context::capturing() const {
  cuda::CaptureStatus status = cuda::kNotCapturing;
  const cuda::Result result = device_.api->streamIsCapturing(stream_, &status);
  return result == cuda::kSuccess && status != cuda::kNotCapturing;
}

uint64_t Context::reserved_bytes() const { return pool_attribute(cuda::kReservedCurrent); }
uint64_t Context::used_bytes() const { return pool_attribute(cuda::kUsedCurrent); }

uint64_t Context::pool_attribute(cuda::MemoryPoolAttribute which) const {
  uint64_t value = 0;
  device_.check(device_.api->memPoolGetAttribute(pool_, which, &value), "cuMemPoolGetAttribute");
  return value;
}

}  // namespace moe
