// Reading gating values, of three dtypes.
#pragma once
#include <cuda_fp16.h>

#include "device.cuh"

namespace moe {

__device__ __forceinline__ uint32_t half_bits(uint16_t bits) {
  return __float_as_uint(__half2float(__ushort_as_half(bits)));
}

__device__ __forceinline__ uint32_t bfloat16_bits(uint16_t bits) { return static_cast<uint32_t>(bits) << 16; }

/** The first `count` of COUNT values at an address, as bits of float32. */
template <int COUNT>
__device__ __forceinline__ void load_bits(const float* values, uint32_t count, uint32_t (&bits)[COUNT]) {
  if ((reinterpret_cast<uintptr_t>(values) & 15) == 0 && count >= COUNT) {
#pragma unroll
    for (int j = 0; j < COUNT; j += 4) {
      const uint4 four = *reinterpret_cast<const uint4*>(values + j);
      bits[j] = four.x;
      bits[j + 1] = four.y;
      bits[j + 2] = four.z;
      bits[j + 3] = four.w;
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < COUNT; j++) bits[j] = j < count ? __float_as_uint(values[j]) : 0;
}

/** The same of a dtype of 16 bits, which `widen` makes bits of float32. */
template <int COUNT, class Widen>
__device__ __forceinline__ void load_bits(const uint16_t* values, uint32_t count, uint32_t (&bits)[COUNT],
                                          const Widen& widen) {
  if ((reinterpret_cast<uintptr_t>(values) & 7) == 0 && count >= COUNT) {
#pragma unroll
    for (int j = 0; j < COUNT; j += 4) {
      const uint2 four = *reinterpret_cast<const uint2*>(values + j);
      bits[j] = widen(static_cast<uint16_t>(four.x));
      bits[j + 1] = widen(static_cast<uint16_t>(four.x >> 16));
      bits[j + 2] = widen(static_cast<uint16_t>(four.y));
      bits[j + 3] = widen(static_cast<uint16_t>(four.y >> 16));
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < COUNT; j++) bits[j] = j < count ? widen(values[j]) : 0;
}

/** Keys of the values from column `first` on, `count` of them; beyond those the key 0. */
template <int COUNT>
__device__ __forceinline__ void load_keys(const RouteArgs& a, uint32_t row, uint32_t first, uint32_t count,
                                          uint32_t (&keys)[COUNT]) {
  const uint64_t at = static_cast<uint64_t>(row) * a.width + first;
  const uint16_t* const words = static_cast<const uint16_t*>(a.gatingOutput) + at;
  switch (a.dtype) {
    case Float::kFloat32: load_bits(static_cast<const float*>(a.gatingOutput) + at, count, keys); break;
    case Float::kFloat16: load_bits(words, count, keys, half_bits); break;
    case Float::kBfloat16: load_bits(words, count, keys, bfloat16_bits); break;
  }
#pragma unroll
  for (int j = 0; j < COUNT; j++) keys[j] = key_of(keys[j]);
  if (count >= COUNT) return;
#pragma unroll
  for (int j = 0; j < COUNT; j++) keys[j] = j < count ? keys[j] : 0;
}

/** One cleaned gating value, which a key does not tell: it has lost the sign of -0. */
__device__ __forceinline__ uint32_t logit_bits(const RouteArgs& a, uint32_t row, uint32_t column) {
  const uint64_t at = static_cast<uint64_t>(row) * a.width + column;
  const uint16_t* const words = static_cast<const uint16_t*>(a.gatingOutput);
  uint32_t bits = 0;
  switch (a.dtype) {
    case Float::kFloat32: bits = __float_as_uint(static_cast<const float*>(a.gatingOutput)[at]); break;
    case Float::kFloat16: bits = half_bits(words[at]); break;
    case Float::kBfloat16: bits = bfloat16_bits(words[at]); break;
  }
  return clean_bits(bits);
}

/** What `exp_below` takes as the largest value: not -0, because -0 - 0 has a sign. */
__device__ __forceinline__ float value_at(const RouteArgs& a, uint32_t row, uint32_t column) {
  return value_of(key_of(logit_bits(a, row, column)));
}

}  // namespace moe
