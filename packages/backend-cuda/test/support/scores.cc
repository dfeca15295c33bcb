// The device's score functions, compiled for the host, against the reference in C.
#include <algorithm>
#include <cstdint>
#include <cstdio>

#define __device__
#define __forceinline__ inline
static inline uint32_t __umulhi(uint32_t a, uint32_t b) { return static_cast<uint32_t>(static_cast<uint64_t>(a) * b >> 32); }
static inline uint32_t __clz(uint32_t value) { return value == 0 ? 32 : __builtin_clz(value); }
using std::max;
#include "../../../conformance/scores/scores.h"
#include "../../native/kernels/scores.cuh"

namespace {

int runs = 0;
int failures = 0;

void expect(const char* name, uint32_t input, uint32_t found, uint32_t expected) {
  runs++;
  if (found == expected) return;
  if (failures++ < 5) printf("%s of %08x: %08x instead of %08x\n", name, input, found, expected);
}

void compare(uint32_t bits) {
  const uint32_t input = score_clean(bits);
  const moe::Power found = moe::exp_neg(input & 0x7FFFFFFFu);
  const score_power expected = score_exp_neg(input & 0x7FFFFFFFu);
  expect("exp_neg", input, found.m, expected.m);
  expect("exp_neg's n", input, found.n, expected.n);
  expect("round32", input, moe::round32(found.m, found.n, false), score_round32(expected.m, expected.n, 0));
  expect("sigmoid", input, moe::sigmoid(input), score_sigmoid(input));
  expect("sqrtsoftplus", input, moe::sqrtsoftplus(input), score_sqrtsoftplus(input));
}

}  // namespace

int main() {
  for (uint32_t exponent = 0; exponent < 512; exponent++) {
    for (uint32_t i = 0; i < 7; i++) compare((exponent << 23) + i - 3);
  }
  for (uint32_t i = 0; i < 1u << 21; i++) {
    const uint32_t bits = i * 0x9E3779B1u;
    compare(bits);
    // Neither tiny nor huge.
    compare((bits & 0x807FFFFFu) | (90 + i % 46) << 23);
    const uint64_t sum = (static_cast<uint64_t>(bits | 0x80000000u) << i % 15) + i;
    const uint32_t n = i % 3 == 0 ? i / 3 % 160 : 0;
    uint64_t m = i * 277803737u | 0x80000000u;
    // Near an odd number of half units in the last place.
    if (i % 2 == 0) m = static_cast<uint64_t>((m >> 7 | 1) * (sum >> 15) >> 10);
    while (m >> 32 != 0) m >>= 1;
    m |= 0x80000000u;
    expect("quotient32", i, moe::quotient32(m, sum, n), score_quotient32(m, sum, n));
  }
  printf("%d runs, %d failures\n", runs, failures);
  return failures != 0;
}
