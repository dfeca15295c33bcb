// What the kernels use of CUDA, on the host: a block's threads are fibers, one block runs after the other. Threads of a warp
// that do not meet at the same collective stop the program.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// The way that newer devices go.
#define __CUDA_ARCH__ 800
#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __shared__ thread_local
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __grid_constant__
#define __launch_bounds__(...)
#define __maxnreg__(count)

struct dim3 {
  uint32_t x, y, z;
};
struct uint2 {
  uint32_t x, y;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};

namespace emulated {

struct Thread {
  dim3 index;
  uint32_t lane, warp;
};
extern Thread* current;
extern dim3 block, blockSize, gridSize;

/** The values that all lanes of the warp gave at this place of the source. */
const uint64_t* collect(int place, uint64_t value);
void wait_for_block(int place);

template <class Value>
Value from_word(uint64_t word) {
  Value value;
  memcpy(&value, &word, sizeof(value));
  return value;
}
template <class Value>
uint64_t to_word(Value value) {
  uint64_t word = 0;
  memcpy(&word, &value, sizeof(value));
  return word;
}
template <class Value>
Value shuffle(int place, Value value, uint32_t from) {
  return from_word<Value>(collect(place, to_word(value))[from & 31]);
}
inline uint32_t ballot(int place, bool value) {
  const uint64_t* const all = collect(place, value);
  uint32_t mask = 0;
  for (int i = 0; i < 32; i++) mask |= static_cast<uint32_t>(all[i] != 0) << i;
  return mask;
}
inline uint32_t match(int place, uint32_t value) {
  const uint64_t* const all = collect(place, value);
  uint32_t mask = 0;
  for (int i = 0; i < 32; i++) mask |= static_cast<uint32_t>(all[i] == value) << i;
  return mask;
}
inline uint32_t reduce_max(int place, uint32_t value) {
  const uint64_t* const all = collect(place, value);
  uint64_t result = 0;
  for (int i = 0; i < 32; i++) result = all[i] > result ? all[i] : result;
  return static_cast<uint32_t>(result);
}
inline uint32_t reduce_add(int place, uint32_t value) {
  const uint64_t* const all = collect(place, value);
  uint64_t result = 0;
  for (int i = 0; i < 32; i++) result += all[i];
  if (result > 0xFFFFFFFFu) fprintf(stderr, "line %d: a sum of a warp overflows\n", place), abort();
  return static_cast<uint32_t>(result);
}

}  // namespace emulated

#define threadIdx (emulated::current->index)
#define blockIdx (emulated::block)
#define blockDim (emulated::blockSize)
#define gridDim (emulated::gridSize)
#define __syncthreads() emulated::wait_for_block(__LINE__)
#define __syncwarp() emulated::collect(__LINE__, 0)
#define __shfl_sync(mask, value, lane) emulated::shuffle(__LINE__, value, lane)
#define __shfl_xor_sync(mask, value, lanes) emulated::shuffle(__LINE__, value, emulated::current->lane ^ (lanes))
#define __shfl_up_sync(mask, value, lanes) emulated::shuffle(__LINE__, value, emulated::current->lane - (lanes))
#define __ballot_sync(mask, value) emulated::ballot(__LINE__, value)
#define __match_any_sync(mask, value) emulated::match(__LINE__, value)
#define __reduce_max_sync(mask, value) emulated::reduce_max(__LINE__, value)
#define __reduce_add_sync(mask, value) emulated::reduce_add(__LINE__, value)

template <class Value>
Value max(Value a, Value b) { return a > b ? a : b; }
template <class Value>
Value min(Value a, Value b) { return a < b ? a : b; }
template <class Value>
Value __ldcs(const Value* address) { return *address; }
template <class Value>
void __stcs(Value* address, Value value) { *address = value; }
template <class Value>
Value atomicAdd(Value* address, Value value) { const Value before = *address; *address += value; return before; }
inline uint32_t atomicAdd(uint32_t* address, int value) { return atomicAdd(address, static_cast<uint32_t>(value)); }

inline uint32_t __float_as_uint(float value) { return emulated::from_word<uint32_t>(emulated::to_word(value)); }
inline float __uint_as_float(uint32_t bits) { return emulated::from_word<float>(bits); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __expf(float value) { return expf(value); }
inline float __fdividef(float a, float b) { return a / b; }
inline uint32_t __umulhi(uint32_t a, uint32_t b) { return static_cast<uint32_t>(static_cast<uint64_t>(a) * b >> 32); }
inline uint32_t __clz(uint32_t value) { return value == 0 ? 32 : __builtin_clz(value); }
inline uint32_t __popc(uint32_t value) { return __builtin_popcount(value); }
inline uint32_t __ffs(uint32_t value) { return __builtin_ffs(static_cast<int>(value)); }
