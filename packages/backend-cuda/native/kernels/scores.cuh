// The routers' score functions to the last bit, in integers (docs/design/scores.md). Floats are given and returned as bits;
// inputs are cleaned, sizes are bits without a sign.
#pragma once
#include <cstdint>

namespace moe {

/** m * 2^(-31 - n) with 2^31 <= m, or m = 0 for zero. */
struct Power {
  uint32_t m, n;
};

__device__ __forceinline__ uint32_t shifted_right(uint32_t value, uint32_t shift) {
  return shift < 32 ? value >> shift : 0;
}

/** exp(-|x|); 0 from 256 on. */
__device__ __forceinline__ Power exp_neg(uint32_t size) {
  // (2^g - 1) / g on [0, 1) by powers of g, in units of 2^-32.
  constexpr uint32_t kExp[7] = {2977044472u, 1031764901u, 238389752u, 41301092u, 5750554u, 627478u, 89042u};
  const int exponent = static_cast<int>(size >> 23) - 127;
  if (exponent < -33) return {0x80000000u, 0};
  if (exponent > 7) return {0, 0};
  // |x| = a * 2^(exponent - 31); times log2(e), of which 64 bits are needed, and in units of 2^-32.
  const uint32_t a = (size | 0x800000u) << 8;
  const uint64_t t = (static_cast<uint64_t>(a) * 0xB8AA3B29u + __umulhi(a, 0x5C17F0BCu)) >> (30 - exponent);
  // 2^-t = 2^(g - n) with g = n - t in [0, 1).
  const uint32_t g = 0u - static_cast<uint32_t>(t);
  uint32_t h = kExp[6];
#pragma unroll
  for (int i = 5; i >= 0; i--) h = kExp[i] + __umulhi(h, g);
  return {0x80000000u + (__umulhi(h, g) >> 1), static_cast<uint32_t>(t >> 32) + (g != 0)};
}

/** m * 2^(-31 - n) to nearest, ties to even, with subnormals; `more`: the value is a little above that. */
__device__ __forceinline__ uint32_t round32(uint32_t m, int n, bool more) {
  const uint32_t cut = 8 + max(n - 126, 0);  // bits of m that float32 has no room for
  if (m == 0 || cut > 32) return 0;
  const uint32_t kept = m >> (cut - 1);
  const uint32_t above = more || (m & ((1u << (cut - 1)) - 1)) != 0;
  return (static_cast<uint32_t>(max(126 - n, 0)) << 23) + (kept >> 1) + (kept & 1 & (kept >> 1 | above));
}

/** 2^63 / d for 2^31 <= d, at most 2^-27 of it too small, also if d has been rounded down. */
__device__ __forceinline__ uint32_t reciprocal(uint32_t d) {
  const uint32_t first = 0x80000000u / ((d >> 16) + 1);
  const uint32_t error = 0u - first * ((d >> 2) + 1);
  return (first << 16) + (first * (error >> 16) >> 13);
}

/** (m / sum) * 2^-n, rounded once, for 2^31 <= sum < 2^46. */
__device__ __forceinline__ uint32_t quotient32(uint32_t m, uint64_t sum, uint32_t n) {
  if (m == 0) return 0;
  const uint32_t k = 32 - __clz(static_cast<uint32_t>(sum >> 32));
  // m * 2^(25 + k) / sum: 25 or 26 bits, at most one too small. The rest is below 2^64, though its terms are not.
  uint32_t quotient = __umulhi(m, reciprocal(static_cast<uint32_t>(sum >> k))) >> 6;
  uint64_t rest = (static_cast<uint64_t>(m) << (25 + k)) - quotient * sum;
  if (rest >= sum) {
    quotient++;
    rest -= sum;
  }
  const uint32_t rise = __clz(quotient);
  return round32(quotient << rise, static_cast<int>(n + k + rise) - 6, rest != 0);
}

/** 1 / (1 + exp(-x)) */
__device__ __forceinline__ uint32_t sigmoid(uint32_t bits) {
  const Power e = exp_neg(bits & 0x7FFFFFFFu);
  const uint64_t sum = 0x80000000u + static_cast<uint64_t>(shifted_right(e.m, e.n));
  const bool negative = bits >> 31;
  return quotient32(negative ? e.m : 0x80000000u, sum, negative ? e.n : 0);
}

/** sqrt(n * 2^-30 * 4^half), rounded once, for 2^30 <= n. */
__device__ __forceinline__ uint32_t root32(uint32_t n, int half) {
  // 2^31 / sqrt(n) to 14 bits: a parabola, and Newton's method twice.
  const uint32_t v = n >> 16;
  uint32_t y = 87518u - (v * (53827u - (v * 26846u >> 16)) >> 15);
  y = y * ((0xC0000000u - v * (y * y >> 16)) >> 16) >> 15;
  y = y * ((0xC0000000u - v * (y * y >> 16)) >> 16) >> 15;
  // The root of n * 2^16 from that of 4 * n and what it leaves, at most one off.
  const uint32_t near = v * y >> 14;
  const int left = static_cast<int>((n << 2) - near * near);
  uint32_t root = (near << 7) + static_cast<uint32_t>((left >> 6) * static_cast<int>(y) >> 20);
  int rest = static_cast<int>((n << 16) - root * root);
  if (rest < 0) {
    root--;
    rest += static_cast<int>(2 * root + 1);
  } else if (rest > static_cast<int>(2 * root)) {
    rest -= static_cast<int>(2 * root + 1);
    root++;
  }
  const uint32_t upper_half = rest > static_cast<int>(root);
  return round32(root << 8 | upper_half << 7, -half, rest != 0);
}

/** Below 2^-4 to the nearest multiple of 2^-28: keeps sqrtsoftplus monotonic. */
__device__ __forceinline__ uint32_t even_steps(uint32_t size) {
  const uint32_t exponent = size >> 23;
  if (exponent > 121) return size;
  if (exponent < 99) return 0;
  const uint32_t step = 1u << (122 - exponent);
  return (size + (step >> 1)) & (0u - step);
}

/** sqrt(ln(1 + exp(x))) */
__device__ __forceinline__ uint32_t sqrtsoftplus(uint32_t bits) {
  // ln(1 + t) / t on [0, 1] by powers of -t, in units of 2^-32.
  constexpr uint32_t kLog[11] = {4294967293u, 2147482949u, 1431625776u, 1073236581u, 854570521u, 692739555u,
                                 535651859u,  357296383u,  180876845u,  58868918u,   8976566u};
  const uint32_t size = even_steps(bits & 0x7FFFFFFFu);
  const Power e = exp_neg(size);
  const uint32_t t = e.n == 0 ? 0xFFFFFFFFu : shifted_right(e.m, e.n - 1);  // exp(-|x|) in units of 2^-32
  uint32_t h = kLog[10];
#pragma unroll
  for (int i = 9; i >= 0; i--) h = kLog[i] - __umulhi(h, t);
  // ln(1 + exp(-|x|)) = m * 2^(-31 - n)
  uint32_t m = __umulhi(e.m, h);
  int scale = -static_cast<int>(e.n);
  if (bits >> 31 == 0) {
    const int exponent = static_cast<int>(size >> 23) - 127;
    scale = max(exponent, -1) + 1;
    m = shifted_right(m, e.n + scale) + shifted_right((size | 0x800000u) << 8, scale - exponent);
  }
  if (m == 0) return 0;
  const uint32_t rise = __clz(m);
  scale -= rise;
  return root32(m << rise >> (1 - (scale & 1)), scale >> 1);
}

}  // namespace moe
