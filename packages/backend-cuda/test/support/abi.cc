// What native/driver/cuda_types.h declares by hand, compared with the toolkit's cuda.h. Compiled, never run.
#include <cuda.h>

#include <cstddef>

#include "../../native/driver/cuda_types.h"

#define SAME(ours, theirs) static_assert(static_cast<long long>(ours) == static_cast<long long>(theirs), #theirs)

SAME(cuda::kErrorInvalidValue, CUDA_ERROR_INVALID_VALUE);
SAME(cuda::kErrorOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
SAME(cuda::kErrorDeinitialized, CUDA_ERROR_DEINITIALIZED);
SAME(cuda::kErrorNoDevice, CUDA_ERROR_NO_DEVICE);
SAME(cuda::kErrorInvalidDevice, CUDA_ERROR_INVALID_DEVICE);
SAME(cuda::kErrorNoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
SAME(cuda::kMultiprocessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME(cuda::kComputeCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME(cuda::kComputeCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
SAME(cuda::kMaxSharedMemoryPerBlockOptin, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
SAME(cuda::kMemoryPoolsSupported, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED);
SAME(cuda::kMaxDynamicSharedSizeBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
SAME(cuda::kReleaseThreshold, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD);
SAME(cuda::kReservedCurrent, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);
SAME(cuda::kUsedCurrent, CU_MEMPOOL_ATTR_USED_MEM_CURRENT);
SAME(cuda::kNotCapturing, CU_STREAM_CAPTURE_STATUS_NONE);
SAME(cuda::kEventDisableTiming, CU_EVENT_DISABLE_TIMING);
SAME(cuda::kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
SAME(cuda::kProgrammaticStreamSerialization, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);

SAME(sizeof(cuda::DevicePtr), sizeof(CUdeviceptr));
SAME(sizeof(cuda::Device), sizeof(CUdevice));
SAME(sizeof(cuda::LaunchAttribute), sizeof(CUlaunchAttribute));
SAME(offsetof(cuda::LaunchAttribute, value), offsetof(CUlaunchAttribute, value));
SAME(sizeof(cuda::LaunchConfig), sizeof(CUlaunchConfig));
SAME(offsetof(cuda::LaunchConfig, sharedMemoryBytes), offsetof(CUlaunchConfig, sharedMemBytes));
SAME(offsetof(cuda::LaunchConfig, stream), offsetof(CUlaunchConfig, hStream));
SAME(offsetof(cuda::LaunchConfig, attributes), offsetof(CUlaunchConfig, attrs));
SAME(offsetof(cuda::LaunchConfig, attributeCount), offsetof(CUlaunchConfig, numAttrs));
SAME(sizeof(cuda::MemoryPoolProperties), sizeof(CUmemPoolProps));
SAME(offsetof(cuda::MemoryPoolProperties, locationType), offsetof(CUmemPoolProps, location));
SAME(offsetof(cuda::MemoryPoolProperties, securityAttributes), offsetof(CUmemPoolProps, win32SecurityAttributes));
SAME(offsetof(cuda::MemoryPoolProperties, maxSize), offsetof(CUmemPoolProps, maxSize));
// Their defaults in MemoryPoolProperties.
SAME(1, CU_MEM_ALLOCATION_TYPE_PINNED);
SAME(1, CU_MEM_LOCATION_TYPE_DEVICE);
