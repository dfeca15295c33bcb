// What all kernels share: order-preserving keys, warp helpers, launch dependencies.
#pragma once
#include <cfloat>

#include "args.h"

namespace moe {

constexpr uint32_t kFullMask = 0xFFFFFFFFu;
/** The pair has no row: its choice goes nowhere, or its index is out of range. */
constexpr uint32_t kNoRow = 0xFFFFFFFFu;
#if __CUDA_ARCH__ >= 800
constexpr bool kHasWarpReduce = true;
#else
constexpr bool kHasWarpReduce = false;
// Never called.
__device__ uint32_t __reduce_max_sync(uint32_t, uint32_t);
__device__ uint32_t __reduce_add_sync(uint32_t, uint32_t);
#endif

/** Waits for the kernels before this one in the stream: nothing of theirs may be touched earlier. */
__device__ __forceinline__ void grid_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/** Lets the next kernel start, to run up to its grid_wait. Only after this kernel's own grid_wait: see map.cuh. */
__device__ __forceinline__ void grid_trigger() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

__device__ __forceinline__ uint32_t lane_id() { return threadIdx.x & 31; }
__device__ __forceinline__ uint32_t warp_id() { return threadIdx.x >> 5; }
__device__ __forceinline__ uint32_t warps_in_block() { return blockDim.x >> 5; }

/** NaN and -inf count as -FLT_MAX, +inf as FLT_MAX. */
__device__ __forceinline__ uint32_t clean_bits(uint32_t bits) {
  if ((bits & 0x7FFFFFFFu) < 0x7F800000u) return bits;
  return bits == 0x7F800000u ? 0x7F7FFFFFu : 0xFF7FFFFFu;
}

/** Integers in the order of values that are neither NaN nor -0; never 0, which stands for "none". */
__device__ __forceinline__ uint32_t ordered(float value) {
  const uint32_t bits = __float_as_uint(value);
  return bits ^ (static_cast<uint32_t>(static_cast<int32_t>(bits) >> 31) | 0x80000000u);
}

/** The same of cleaned values, -0 equal to +0. */
__device__ __forceinline__ uint32_t key_of(uint32_t bits) {
  // Adding +0 makes -0 positive, and the larger of a NaN and a number is the number: less work than on bits.
  return ordered(fminf(fmaxf(__fadd_rn(__uint_as_float(bits), 0.0f), -FLT_MAX), FLT_MAX));
}

__device__ __forceinline__ float value_of(uint32_t key) {
  return __uint_as_float(key & 0x80000000u ? key ^ 0x80000000u : ~key);
}

/** Maximum over teams of LANES neighbouring lanes. */
template <int LANES>
__device__ __forceinline__ uint32_t team_max(uint32_t value) {
  constexpr bool kReduces = LANES == 32 && kHasWarpReduce;
  if constexpr (kReduces) {
    return __reduce_max_sync(kFullMask, value);
  } else {
#pragma unroll
    for (int step = LANES / 2; step > 0; step /= 2) value = max(value, __shfl_xor_sync(kFullMask, value, step));
    return value;
  }
}

/** Sum over teams of LANES neighbouring lanes, of values below 2^37, in every lane. */
template <int LANES>
__device__ __forceinline__ uint64_t team_sum(uint64_t value) {
  constexpr bool kReduces = LANES == 32 && kHasWarpReduce;
  if constexpr (kReduces) {
    // In two halves, whose sums have 32 bits.
    const uint32_t low = __reduce_add_sync(kFullMask, static_cast<uint32_t>(value) & 0x7FFFFFFu);
    const uint32_t high = __reduce_add_sync(kFullMask, static_cast<uint32_t>(value >> 27));
    return low + (static_cast<uint64_t>(high) << 27);
  } else {
#pragma unroll
    for (int step = LANES / 2; step > 0; step /= 2) value += __shfl_xor_sync(kFullMask, value, step);
    return value;
  }
}

__device__ __forceinline__ uint32_t warp_inclusive_scan(uint32_t value) {
#pragma unroll
  for (int step = 1; step < 32; step *= 2) {
    const uint32_t below = __shfl_up_sync(kFullMask, value, step);
    if (lane_id() >= step) value += below;
  }
  return value;
}

/** Whether any lane has something that is rare, so that its code stands apart. */
__device__ __forceinline__ bool any_in_warp(bool rare) { return __builtin_expect(__ballot_sync(kFullMask, rare) != 0, 0); }

/** Sum over the warp, in every lane. */
__device__ __forceinline__ uint32_t warp_sum(uint32_t value) {
  if constexpr (kHasWarpReduce) {
    return __reduce_add_sync(kFullMask, value);
  } else {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(kFullMask, value, step);
    return value;
  }
}

}  // namespace moe
