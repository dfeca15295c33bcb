// A libcuda.so.1 for tests without a GPU. FAKE_CUDA chooses how it is broken; otherwise memory is the host's, and kernels
// do nothing, or what they do with EMULATES (test/emulation).
#include <cstdlib>
#include <cstring>

#include "../../native/driver/cuda_types.h"

using namespace cuda;

static bool mode(const char* name) {
  const char* const chosen = getenv("FAKE_CUDA");
  return chosen != nullptr && strcmp(chosen, name) == 0;
}

#ifdef EMULATES
namespace emulated {
void* find(const char* name);
void run(void* function, uint32_t grid, uint32_t threads, const void* arguments);
}  // namespace emulated
#else
namespace emulated {
void* find(const char*) { return reinterpret_cast<void*>(64); }
void run(void*, uint32_t, uint32_t, const void*) {}
}  // namespace emulated
#endif

extern "C" {
Result cuInit(unsigned) {
  if (mode("crash")) abort();
  if (mode("hang")) for (;;) {}
  return mode("no-device") ? 100 : mode("mismatch") ? 803 : 0;
}
Result cuDriverGetVersion(int* version) { return *version = mode("old") ? 11020 : 13000, 0; }
Result cuGetErrorName(Result result, const char** name) {
  return *name = result == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_FAKE", 0;
}
Result cuGetErrorString(Result, const char** text) { return *text = "as the test wants it", 0; }
Result cuDeviceGetCount(int* count) { return *count = mode("empty") ? 0 : 1, 0; }
Result cuDeviceGet(Device* device, int ordinal) { return *device = ordinal, 0; }
Result cuDeviceGetName(char* name, int size, Device) { return strncpy(name, "Fake GPU", size), 0; }
Result cuDeviceGetAttribute(int* value, DeviceAttribute which, Device) {
  switch (which) {
    case kMultiprocessorCount: return *value = 132, 0;
    case kComputeCapabilityMajor: return *value = mode("kepler") ? 3 : 9, 0;
    case kComputeCapabilityMinor: return *value = 0, 0;
    case kMaxSharedMemoryPerBlockOptin: return *value = 232448, 0;
    case kMemoryPoolsSupported: return *value = 1, 0;
  }
  return 1;
}
Result cuDeviceTotalMem_v2(size_t* bytes, Device) { return *bytes = 1 << 30, 0; }
Result cuDevicePrimaryCtxRetain(Context* context, Device) { return *context = reinterpret_cast<Context>(64), 0; }
Result cuDevicePrimaryCtxRelease_v2(Device) { return 0; }
Result cuCtxPushCurrent_v2(Context) { return 0; }
Result cuCtxPopCurrent_v2(Context*) { return 0; }
Result cuModuleLoadData(Module* module, const void*) { return *module = reinterpret_cast<Module>(64), 0; }
Result cuModuleUnload(Module) { return 0; }
Result cuModuleGetFunction(Function* function, Module, const char* name) {
  return *function = static_cast<Function>(emulated::find(name)), *function == nullptr ? 500 : 0;
}
Result cuFuncSetAttribute(Function, FunctionAttribute, int) { return 0; }
Result cuLaunchKernelEx(const LaunchConfig* config, Function function, void** arguments, void**) {
  const bool valid = config->gridX > 0 && config->gridX <= 0x7FFFFFFFu && config->blockX % 32 == 0 && config->blockX > 0 &&
                     config->blockX <= 1024 && config->sharedMemoryBytes < 232448;
  if (valid) emulated::run(function, config->gridX, config->blockX, arguments[0]);
  return valid ? 0 : 1;
}
Result cuStreamCreate(Stream* stream, unsigned) { return *stream = reinterpret_cast<Stream>(64), 0; }
Result cuStreamDestroy_v2(Stream) { return 0; }
Result cuStreamSynchronize(Stream) { return 0; }
Result cuStreamWaitEvent(Stream, Event, unsigned) { return 0; }
Result cuStreamIsCapturing(Stream, CaptureStatus* status) { return *status = kNotCapturing, 0; }
Result cuEventCreate(Event* event, unsigned) { return *event = reinterpret_cast<Event>(64), 0; }
Result cuEventDestroy_v2(Event) { return 0; }
Result cuEventRecord(Event, Stream) { return 0; }
Result cuEventSynchronize(Event) { return 0; }
Result cuMemAllocFromPoolAsync(DevicePtr* address, size_t bytes, MemoryPool, Stream) {
  if (bytes > 1 << 28) return 2;
  return *address = reinterpret_cast<DevicePtr>(calloc(1, bytes)), 0;
}
Result cuMemFreeAsync(DevicePtr address, Stream) { return free(reinterpret_cast<void*>(address)), 0; }
Result cuMemPoolCreate(MemoryPool* pool, const MemoryPoolProperties*) { return *pool = reinterpret_cast<MemoryPool>(64), 0; }
Result cuMemPoolDestroy(MemoryPool) { return 0; }
Result cuMemPoolSetAttribute(MemoryPool, MemoryPoolAttribute, void*) { return 0; }
Result cuMemPoolGetAttribute(MemoryPool, MemoryPoolAttribute, void* value) { return memset(value, 0, 8), 0; }
Result cuMemPoolTrimTo(MemoryPool, size_t) { return 0; }
Result cuMemHostAlloc(void** memory, size_t bytes, unsigned) { return *memory = malloc(bytes), 0; }
Result cuMemFreeHost(void* memory) { return free(memory), 0; }
Result cuMemcpyHtoDAsync_v2(DevicePtr to, const void* from, size_t bytes, Stream) {
  return memcpy(reinterpret_cast<void*>(to), from, bytes), 0;
}
Result cuMemcpyDtoHAsync_v2(void* to, DevicePtr from, size_t bytes, Stream) {
  return memcpy(to, reinterpret_cast<void*>(from), bytes), 0;
}
Result cuMemcpyDtoDAsync_v2(DevicePtr to, DevicePtr from, size_t bytes, Stream) {
  return memcpy(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes), 0;
}
#ifndef LACKS_A_FUNCTION
Result cuMemsetD8Async(DevicePtr address, unsigned char value, size_t bytes, Stream) {
  return memset(reinterpret_cast<void*>(address), value, bytes), 0;
}
#endif
}
