// float16 for kernels that run on the host (emulated.h).
#pragma once
#include <cstdint>
#include <cstring>

struct __half {
  _Float16 value;
};
inline float __half2float(__half half) { return static_cast<float>(half.value); }
inline __half __float2half_rn(float value) { return {static_cast<_Float16>(value)}; }
inline __half __ushort_as_half(uint16_t bits) {
  __half half;
  memcpy(&half, &bits, 2);
  return half;
}
