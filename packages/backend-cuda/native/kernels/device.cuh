// What all kernels share: order-preserving keys, warp helpers, launch dependencies.
#pragma once
#include "args.h"

namespace moe {

constexpr uint32_t kFullMask = 0xFFFFFFFFu;
#if __CUDA_ARCH__ >= 800
constexpr bool kHasWarpReduce = true;
#else
constexpr bool kHasWarpReduce = false;
__device__ uint32_t __reduce_max_sync(uint32_t, uint32_t);  // never called
#endif

/** Waits for the kernels before this one in the stream: nothing of theirs may be touched earlier. */
__device__ __forceinline__ void grid_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/** Lets the next kernel start, to run up to its grid_wait. Only after this kernel's own grid_wait: see place.cuh. */
__device__ __forceinline__ void grid_trigger() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

__device__ __forceinline__ uint32_t lane_id() { return threadIdx.x & 31; }
__device__ __forceinline__ uint32_t warp_id() { return threadIdx.x >> 5; }
__device__ __forceinline__ uint32_t warps_in_block() { return blockDim.x >> 5; }

/** NaN and -inf count as -FLT_MAX, +inf as FLT_MAX. On bits, so that no compiler option can matter. */
__device__ __forceinline__ uint32_t clean_bits(uint32_t bits) {
  if ((bits & 0x7FFFFFFFu) < 0x7F800000u) return bits;
  return bits == 0x7F800000u ? 0x7F7FFFFFu : 0xFF7FFFFFu;
}

/** Integers in the order of the cleaned values, -0 equal to +0; never 0, which stands for "none". */
__device__ __forceinline__ uint32_t key_of(uint32_t bits) {
  bits = clean_bits(bits);
  if (bits == 0x80000000u) bits = 0;
  return bits ^ (static_cast<uint32_t>(static_cast<int32_t>(bits) >> 31) | 0x80000000u);
}

__device__ __forceinline__ float value_of(uint32_t key) {
  return __uint_as_float(key & 0x80000000u ? key ^ 0x80000000u : ~key);
}

/** Maximum over groups of LANES neighbouring lanes. */
template <int LANES>
__device__ __forceinline__ uint32_t group_max(uint32_t value) {
  constexpr bool kReduces = LANES == 32 && kHasWarpReduce;
  if constexpr (kReduces) {
    return __reduce_max_sync(kFullMask, value);
  } else {
#pragma unroll
    for (int step = LANES / 2; step > 0; step /= 2) value = max(value, __shfl_xor_sync(kFullMask, value, step));
    return value;
  }
}

/** Sum over groups of LANES neighbouring lanes, the same bits in each. */
template <int LANES>
__device__ __forceinline__ float group_sum(float value) {
#pragma unroll
  for (int step = LANES / 2; step > 0; step /= 2) value += __shfl_xor_sync(kFullMask, value, step);
  return value;
}

__device__ __forceinline__ uint32_t warp_inclusive_scan(uint32_t value) {
#pragma unroll
  for (int step = 1; step < 32; step *= 2) {
    const uint32_t below = __shfl_up_sync(kFullMask, value, step);
    if (lane_id() >= step) value += below;
  }
  return value;
}

/** Replaces values[0 … count) in shared memory by their exclusive prefix sums; returns the total. All threads. */
__device__ inline uint32_t block_exclusive_scan(uint32_t* values, uint32_t count) {
  __shared__ uint32_t warpSums[32];
  const uint32_t each = (count + blockDim.x - 1) / blockDim.x;
  const uint32_t begin = min(threadIdx.x * each, count);
  const uint32_t end = min(begin + each, count);
  uint32_t sum = 0;
  for (uint32_t i = begin; i < end; i++) sum += values[i];
  const uint32_t inclusive = warp_inclusive_scan(sum);
  if (lane_id() == 31) warpSums[warp_id()] = inclusive;
  __syncthreads();
  const uint32_t warpSum = lane_id() < warps_in_block() ? warpSums[lane_id()] : 0;
  const uint32_t warpInclusive = warp_inclusive_scan(warpSum);
  uint32_t before = __shfl_sync(kFullMask, warpInclusive - warpSum, warp_id()) + inclusive - sum;
  for (uint32_t i = begin; i < end; i++) {
    const uint32_t value = values[i];
    values[i] = before;
    before += value;
  }
  const uint32_t total = __shfl_sync(kFullMask, warpInclusive, 31);
  __syncthreads();
  return total;
}

}  // namespace moe
