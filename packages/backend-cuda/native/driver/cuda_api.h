// The CUDA driver's functions, found at run time with dlopen.
#pragma once
#include <string>

#include "cuda_types.h"

namespace cuda {

// member name, exported name, parameters
#define MOE_CUDA_FUNCTIONS(F)                                                                              \
  F(init, "cuInit", (unsigned))                                                                            \
  F(driverGetVersion, "cuDriverGetVersion", (int*))                                                        \
  F(getErrorName, "cuGetErrorName", (Result, const char**))                                                \
  F(getErrorString, "cuGetErrorString", (Result, const char**))                                            \
  F(deviceGetCount, "cuDeviceGetCount", (int*))                                                            \
  F(deviceGet, "cuDeviceGet", (Device*, int))                                                              \
  F(deviceGetName, "cuDeviceGetName", (char*, int, Device))                                                \
  F(deviceGetAttribute, "cuDeviceGetAttribute", (int*, DeviceAttribute, Device))                           \
  F(deviceTotalMem, "cuDeviceTotalMem_v2", (size_t*, Device))                                              \
  F(devicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (Context*, Device))                                \
  F(devicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (Device))                                     \
  F(ctxPushCurrent, "cuCtxPushCurrent_v2", (Context))                                                      \
  F(ctxPopCurrent, "cuCtxPopCurrent_v2", (Context*))                                                       \
  F(moduleLoadData, "cuModuleLoadData", (Module*, const void*))                                            \
  F(moduleUnload, "cuModuleUnload", (Module))                                                              \
  F(moduleGetFunction, "cuModuleGetFunction", (Function*, Module, const char*))                            \
  F(funcSetAttribute, "cuFuncSetAttribute", (Function, FunctionAttribute, int))                            \
  F(launchKernelEx, "cuLaunchKernelEx", (const LaunchConfig*, Function, void**, void**))                   \
  F(streamCreate, "cuStreamCreate", (Stream*, unsigned))                                                   \
  F(streamDestroy, "cuStreamDestroy_v2", (Stream))                                                         \
  F(streamSynchronize, "cuStreamSynchronize", (Stream))                                                    \
  F(streamWaitEvent, "cuStreamWaitEvent", (Stream, Event, unsigned))                                       \
  F(streamIsCapturing, "cuStreamIsCapturing", (Stream, CaptureStatus*))                                    \
  F(eventCreate, "cuEventCreate", (Event*, unsigned))                                                      \
  F(eventDestroy, "cuEventDestroy_v2", (Event))                                                            \
  F(eventRecord, "cuEventRecord", (Event, Stream))                                                         \
  F(eventSynchronize, "cuEventSynchronize", (Event))                                                       \
  F(memAllocAsync, "cuMemAllocFromPoolAsync", (DevicePtr*, size_t, MemoryPool, Stream))                    \
  F(memFreeAsync, "cuMemFreeAsync", (DevicePtr, Stream))                                                   \
  F(memPoolCreate, "cuMemPoolCreate", (MemoryPool*, const MemoryPoolProperties*))                          \
  F(memPoolDestroy, "cuMemPoolDestroy", (MemoryPool))                                                      \
  F(memPoolSetAttribute, "cuMemPoolSetAttribute", (MemoryPool, MemoryPoolAttribute, void*))                \
  F(memPoolGetAttribute, "cuMemPoolGetAttribute", (MemoryPool, MemoryPoolAttribute, void*))                \
  F(memPoolTrimTo, "cuMemPoolTrimTo", (MemoryPool, size_t))                                                \
  F(memHostAlloc, "cuMemHostAlloc", (void**, size_t, unsigned))                                            \
  F(memFreeHost, "cuMemFreeHost", (void*))                                                                 \
  F(memcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", (DevicePtr, const void*, size_t, Stream))                     \
  F(memcpyDtoDAsync, "cuMemcpyDtoDAsync_v2", (DevicePtr, DevicePtr, size_t, Stream))                       \
  F(memsetD8Async, "cuMemsetD8Async", (DevicePtr, unsigned char, size_t, Stream))                          \
  F(memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void*, DevicePtr, size_t, Stream))

struct Api {
#define MOE_DECLARE(member, name, parameters) Result(*member) parameters = nullptr;
  MOE_CUDA_FUNCTIONS(MOE_DECLARE)
#undef MOE_DECLARE

  /** `CUDA_ERROR_…: what the driver says about it`. */
  std::string describe(Result result) const;
};

/** Why there is no usable driver. */
struct LoadFailure {
  enum Reason { kNone, kNoLibrary, kOldLibrary } reason = kNone;
  std::string detail;
};

/** Loads the driver's library once for the process. Null if there is none, or it lacks a function. */
const Api* load_api(LoadFailure& failure);

/** CUDA's version as the driver states it (13000 for 13.0), even of one that lacks a function; 0 if unknown. */
int driver_version();

}  // namespace cuda
