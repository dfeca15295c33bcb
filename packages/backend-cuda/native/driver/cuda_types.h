// The part of the CUDA driver's binary interface that is used here. Declared by hand, so that the addon builds without
// a CUDA toolkit; test/support/abi.cc compares it with cuda.h if there is one.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cuda {

using Result = int;
using Device = int;
using DevicePtr = unsigned long long;
using Context = struct ContextHandle*;
using Module = struct ModuleHandle*;
using Function = struct FunctionHandle*;
using Stream = struct StreamHandle*;
using Event = struct EventHandle*;
using MemoryPool = struct MemoryPoolHandle*;
using HostFunction = void (*)(void*);

constexpr Result kSuccess = 0;
constexpr Result kErrorInvalidValue = 1;
constexpr Result kErrorOutOfMemory = 2;
constexpr Result kErrorDeinitialized = 4;
constexpr Result kErrorNoDevice = 100;
constexpr Result kErrorInvalidDevice = 101;
constexpr Result kErrorNoBinaryForGpu = 209;

enum DeviceAttribute : int {
  kMultiprocessorCount = 16,
  kComputeCapabilityMajor = 75,
  kComputeCapabilityMinor = 76,
  kMaxSharedMemoryPerBlockOptin = 97,
  kMemoryPoolsSupported = 115,
};

enum FunctionAttribute : int { kMaxDynamicSharedSizeBytes = 8 };
enum MemoryPoolAttribute : int { kReleaseThreshold = 4, kReservedCurrent = 5, kUsedCurrent = 7 };
enum CaptureStatus : int { kNotCapturing = 0 };
enum EventFlags : unsigned { kEventDisableTiming = 2 };
enum StreamFlags : unsigned { kStreamNonBlocking = 1 };

/** What a memory pool is made of: pinned allocations on a device. */
struct MemoryPoolProperties {
  int allocationType = 1;
  int handleTypes = 0;
  int locationType = 1;
  int locationId = 0;
  void* securityAttributes = nullptr;
  size_t maxSize = 0;
  unsigned char reserved[56] = {};
};

struct LaunchAttribute {
  int id;
  char padding[4];
  union {
    char bytes[64];
    int programmaticStreamSerializationAllowed;
  } value;
};
constexpr int kProgrammaticStreamSerialization = 6;

struct LaunchConfig {
  unsigned gridX, gridY, gridZ;
  unsigned blockX, blockY, blockZ;
  unsigned sharedMemoryBytes;
  Stream stream;
  LaunchAttribute* attributes;
  unsigned attributeCount;
};

}  // namespace cuda
