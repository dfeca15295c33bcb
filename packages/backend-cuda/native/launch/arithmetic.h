#pragma once
#include <algorithm>
#include <cstdint>

namespace moe {

inline uint64_t ceil_div(uint64_t a, uint64_t b) { return (a + b - 1) / b; }
inline uint64_t round_up(uint64_t a, uint64_t b) { return ceil_div(a, b) * b; }
/** The largest power of two that divides it. */
inline uint64_t lowest_bit(uint64_t a) { return a & (~a + 1); }

}  // namespace moe
