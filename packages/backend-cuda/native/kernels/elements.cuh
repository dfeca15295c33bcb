// Elements of rows as numbers.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "device.cuh"

namespace moe {

__device__ __forceinline__ float widen(float value) { return value; }
__device__ __forceinline__ float widen(__half value) { return __half2float(value); }
__device__ __forceinline__ float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

template <class Float>
__device__ __forceinline__ Float narrow(float value);
template <>
__device__ __forceinline__ float narrow<float>(float value) { return value; }
template <>
__device__ __forceinline__ __half narrow<__half>(float value) { return __float2half_rn(value); }
template <>
__device__ __forceinline__ __nv_bfloat16 narrow<__nv_bfloat16>(float value) { return __float2bfloat16_rn(value); }

template <int BYTES> struct Word;
template <> struct Word<2> { using Type = uint16_t; };
template <> struct Word<4> { using Type = uint32_t; };
template <> struct Word<16> { using Type = uint4; };

/** COUNT neighbouring elements of a row, moved as one word. */
template <class Float, int COUNT>
struct Elements {
  using Raw = typename Word<sizeof(Float) * COUNT>::Type;
  union {
    Raw raw;
    Float values[COUNT];
  };
  __device__ Elements() {}
};

}  // namespace moe
