/*
 * The score functions of routers, in integers: every backend computes these bits (docs/design/scores.md).
 * Floats are given and returned as the bits of a binary32; inputs are cleaned, sizes are bits without a sign.
 */
#ifndef MOE_SCORES_H
#define MOE_SCORES_H

#include <stdint.h>

/* m * 2^(-31 - n) with 2^31 <= m < 2^32, or m = 0 for zero. */
typedef struct {
  uint32_t m;
  uint32_t n;
} score_power;

static inline uint32_t score_mulhi(uint32_t a, uint32_t b) { return (uint32_t)(((uint64_t)a * b) >> 32); }

/* value >> shift, 0 from 32 on. */
static inline uint32_t score_shift(uint32_t value, uint32_t shift) { return shift < 32 ? value >> shift : 0; }

/* NaN and -inf become -FLT_MAX, +inf becomes FLT_MAX. */
static inline uint32_t score_clean(uint32_t bits) {
  if ((bits & 0x7FFFFFFFu) < 0x7F800000u) return bits;
  return bits == 0x7F800000u ? 0x7F7FFFFFu : 0xFF7FFFFFu;
}

/* exp(-|x|) from the bits of |x|. Zero from 256 on, where float32 has long been at zero. */
static inline score_power score_exp_neg(uint32_t size) {
  /* (2^g - 1) / g on [0, 1) by powers of g, in units of 2^-32. */
  static const uint32_t C[7] = {2977044472u, 1031764901u, 238389752u, 41301092u, 5750554u, 627478u, 89042u};
  const int e = (int)(size >> 23) - 127;
  if (e < -33) return (score_power){0x80000000u, 0};
  if (e > 7) return (score_power){0, 0};
  /* |x| = a * 2^(e - 31); times log2(e), of which 64 bits are needed, and in units of 2^-32. */
  const uint32_t a = (size | 0x800000u) << 8;
  const uint64_t product = (uint64_t)a * 0xB8AA3B29u + score_mulhi(a, 0x5C17F0BCu);
  const uint64_t t = product >> (30 - e);
  /* 2^-t = 2^(g - n) with g = n - t in [0, 1). */
  const uint32_t g = 0u - (uint32_t)t;
  uint32_t h = C[6];
  for (int i = 5; i >= 0; i--) h = C[i] + score_mulhi(h, g);
  return (score_power){0x80000000u + (score_mulhi(h, g) >> 1), (uint32_t)(t >> 32) + (g != 0)};
}

/* m * 2^(-31 - n) to nearest, ties to even, with subnormals. `more`: the value is a little above that. 2^31 <= m or m = 0. */
static inline uint32_t score_round32(uint32_t m, int32_t n, int more) {
  const uint32_t cut = 8 + (n > 126 ? (uint32_t)(n - 126) : 0); /* bits of m that float32 has no room for */
  if (m == 0 || cut > 32) return 0;
  const uint32_t kept = m >> (cut - 1); /* one bit more than stays */
  const int above = more || (m & ((1u << (cut - 1)) - 1)) != 0;
  const uint32_t rounded = (kept >> 1) + (kept & 1 & ((kept >> 1) | (uint32_t)above));
  return ((uint32_t)(n < 126 ? 126 - n : 0) << 23) + rounded;
}

/* (m / sum) * 2^-n, rounded once, for 2^31 <= sum < 2^46. */
static inline uint32_t score_quotient32(uint32_t m, uint64_t sum, uint32_t n) {
  if (m == 0) return 0;
  const uint32_t k = 32 - (uint32_t)__builtin_clzll(sum); /* 2^(k + 31) <= sum < 2^(k + 32) */
  /* m * 2^(25 + k) / sum: 25 or 26 bits, and a rest. */
  const uint64_t first = ((uint64_t)m << 25) / sum;
  const uint64_t rest = (((uint64_t)m << 25) % sum) << k;
  const uint32_t quotient = (uint32_t)((first << k) + rest / sum);
  const uint32_t rise = (uint32_t)__builtin_clz(quotient);
  return score_round32(quotient << rise, (int32_t)(n + k + rise) - 6, rest % sum != 0);
}

/* 1 / (1 + exp(-x)) */
static inline uint32_t score_sigmoid(uint32_t bits) {
  const score_power e = score_exp_neg(bits & 0x7FFFFFFFu);
  const uint64_t sum = 0x80000000u + (uint64_t)score_shift(e.m, e.n); /* 1 + exp(-|x|) in units of 2^-31 */
  return bits >> 31 ? score_quotient32(e.m, sum, e.n) : score_quotient32(0x80000000u, sum, 0);
}

/* sqrt(n * 2^-30 * 4^half), rounded once, for 2^30 <= n. */
static inline uint32_t score_root32(uint32_t n, int32_t half) {
  /* The root of n * 2^16, which has 24 bits; bit by bit, and a rest. */
  uint32_t root = 0;
  for (uint32_t bit = 1u << 23; bit != 0; bit >>= 1) {
    const uint64_t longer = root | bit;
    if (longer * longer <= (uint64_t)n << 16) root |= bit;
  }
  const uint64_t rest = ((uint64_t)n << 16) - (uint64_t)root * root;
  return score_round32(root << 8 | (uint32_t)(rest > root) << 7, -half, rest != 0);
}

/*
 * A size below 2^-4 to the nearest multiple of 2^-28: sqrtsoftplus has the same bits for many such inputs, and without
 * this the last bits of its terms would now and then order two of them wrongly.
 */
static inline uint32_t score_even_steps(uint32_t size) {
  const uint32_t exponent = size >> 23;
  if (exponent > 121) return size;
  if (exponent < 99) return 0;
  const uint32_t step = 1u << (122 - exponent);
  return (size + (step >> 1)) & (0u - step);
}

/* sqrt(ln(1 + exp(x))) */
static inline uint32_t score_sqrtsoftplus(uint32_t bits) {
  /* ln(1 + t) / t on [0, 1] by powers of -t, in units of 2^-32. */
  static const uint32_t C[11] = {4294967293u, 2147482949u, 1431625776u, 1073236581u, 854570521u, 692739555u,
                                 535651859u,  357296383u,  180876845u,  58868918u,   8976566u};
  const uint32_t size = score_even_steps(bits & 0x7FFFFFFFu);
  const score_power e = score_exp_neg(size);
  const uint32_t t = e.n == 0 ? 0xFFFFFFFFu : score_shift(e.m, e.n - 1); /* exp(-|x|) in units of 2^-32 */
  uint32_t h = C[10];
  for (int i = 9; i >= 0; i--) h = C[i] - score_mulhi(h, t);
  /* ln(1 + exp(-|x|)) = m * 2^(-31 - e.n) */
  uint32_t m = score_mulhi(e.m, h);
  int32_t scale = -(int32_t)e.n; /* m * 2^(scale - 31) is the result's square */
  if (bits >> 31 == 0) {
    /* x more, with room for the sum */
    const int32_t exponent = (int32_t)(size >> 23) - 127;
    scale = exponent < 0 ? 0 : exponent + 1;
    m = score_shift(m, e.n + (uint32_t)scale) + score_shift((size | 0x800000u) << 8, (uint32_t)(scale - exponent));
  }
  if (m == 0) return 0;
  const uint32_t rise = (uint32_t)__builtin_clz(m);
  scale -= (int32_t)rise;
  m <<= rise;
  return scale & 1 ? score_root32(m, (scale - 1) / 2) : score_root32(m >> 1, scale / 2);
}

#endif
