// Choosing the experts of a row with a whole block: many experts, many choices, or groups that no lanes fit. Radix selection
// of the K-th largest key, then a bitonic sort of the K chosen. Stores scores, not weights.
#pragma once
#include "choose.cuh"
#include "gating.cuh"
#include "weights.cuh"

namespace moe {

struct WideMemory {
  uint32_t* bins;    // [256]
  uint32_t* keys;    // [width]
  uint32_t* groups;  // [choiceGroups]
  uint16_t* chosen;  // [padded picks]

  __device__ WideMemory(char* memory, const RouteArgs& a) {
    bins = reinterpret_cast<uint32_t*>(memory);
    keys = bins + 256;
    groups = keys + a.width;
    chosen = reinterpret_cast<uint16_t*>(groups + a.choiceGroups);
  }
};

/** Maximum over the block. All threads. */
__device__ inline uint32_t block_max(uint32_t value) {
  __shared__ uint32_t warpMaxima[32];
  value = team_max<32>(value);
  if (lane_id() == 0) warpMaxima[warp_id()] = value;
  __syncthreads();
  value = team_max<32>(lane_id() < warps_in_block() ? warpMaxima[lane_id()] : 0);
  __syncthreads();
  return value;
}

/** Sum over the block. All threads. */
__device__ inline uint64_t block_sum(uint64_t value) {
  __shared__ uint64_t warpSums[32];
  value = team_sum<32>(value);
  if (lane_id() == 0) warpSums[warp_id()] = value;
  __syncthreads();
  value = 0;
  for (uint32_t i = 0; i < warps_in_block(); i++) value += warpSums[i];
  __syncthreads();
  return value;
}

/** The picks-th largest key; `equal` becomes how many keys equal to it are among the chosen. */
__device__ inline uint32_t select_threshold(const WideMemory& m, uint32_t width, uint32_t picks, uint32_t& equal) {
  __shared__ uint32_t digitAndAbove[2];
  uint32_t threshold = 0, wanted = picks;
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (uint32_t bin = threadIdx.x; bin < 256; bin += blockDim.x) m.bins[bin] = 0;
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < width; i += blockDim.x) {
      const uint32_t key = m.keys[i];
      if (shift == 24 || key >> (shift + 8) == threshold >> (shift + 8)) atomicAdd(&m.bins[key >> shift & 255], 1);
    }
    __syncthreads();
    if (warp_id() == 0) {
      // Lane 0 has the largest digits.
      uint32_t counts[8], sum = 0;
#pragma unroll
      for (int j = 0; j < 8; j++) {
        counts[j] = m.bins[255 - (lane_id() * 8 + j)];
        sum += counts[j];
      }
      uint32_t above = warp_inclusive_scan(sum) - sum;
#pragma unroll
      for (int j = 0; j < 8; j++) {
        if (above < wanted && wanted <= above + counts[j]) {
          digitAndAbove[0] = 255 - (lane_id() * 8 + j);
          digitAndAbove[1] = above;
        }
        above += counts[j];
      }
    }
    __syncthreads();
    threshold |= digitAndAbove[0] << shift;
    wanted -= digitAndAbove[1];
    __syncthreads();
  }
  equal = wanted;
  return threshold;
}

/** Columns with keys above the threshold, and the first `equal` of those at it, in the order of columns. */
__device__ inline void collect(const WideMemory& m, uint32_t width, uint32_t picks, uint32_t threshold, uint32_t equal) {
  __shared__ uint32_t warpCounts[32];
  uint32_t before = 0;  // above in the low half, equal in the high half
  for (uint32_t start = 0; start < width; start += blockDim.x) {
    const uint32_t i = start + threadIdx.x;
    const uint32_t key = i < width ? m.keys[i] : 0;
    const uint32_t flag = key > threshold ? 1u : key == threshold ? 0x10000u : 0u;
    const uint32_t inclusive = warp_inclusive_scan(flag);
    if (lane_id() == 31) warpCounts[warp_id()] = inclusive;
    __syncthreads();
    const uint32_t count = lane_id() < warps_in_block() ? warpCounts[lane_id()] : 0;
    const uint32_t warpInclusive = warp_inclusive_scan(count);
    const uint32_t mine = before + __shfl_sync(kFullMask, warpInclusive - count, warp_id()) + inclusive - flag;
    if (flag == 1u) m.chosen[mine & 0xFFFFu] = static_cast<uint16_t>(i);
    if (flag == 0x10000u && mine >> 16 < equal) m.chosen[picks - equal + (mine >> 16)] = static_cast<uint16_t>(i);
    before += __shfl_sync(kFullMask, warpInclusive, 31);
    __syncthreads();
  }
}

/** Sorts the chosen columns by key, larger first, then by column. `padded`: a power of two of at least picks. */
__device__ inline void sort_chosen(const WideMemory& m, uint32_t picks, uint32_t padded) {
  for (uint32_t i = picks + threadIdx.x; i < padded; i += blockDim.x) m.chosen[i] = 0xFFFFu;
  __syncthreads();
  const auto precedes = [&](uint32_t a, uint32_t b) {
    const uint32_t keyA = a == 0xFFFFu ? 0 : m.keys[a];
    const uint32_t keyB = b == 0xFFFFu ? 0 : m.keys[b];
    return keyA > keyB || (keyA == keyB && a < b);
  };
  for (uint32_t size = 2; size <= padded; size *= 2) {
    for (uint32_t step = size / 2; step > 0; step /= 2) {
      for (uint32_t pair = threadIdx.x; pair < padded / 2; pair += blockDim.x) {
        const uint32_t low = 2 * pair - (pair & (step - 1));
        const uint32_t a = m.chosen[low], b = m.chosen[low + step];
        const bool forward = (low & size) == 0;
        if (precedes(b, a) == forward) {
          m.chosen[low] = static_cast<uint16_t>(b);
          m.chosen[low + step] = static_cast<uint16_t>(a);
        }
      }
      __syncthreads();
    }
  }
}

/** Keys of the row's choice values, and what makes its scores. */
__device__ inline Scorer load_row(const RouteArgs& a, const WideMemory& m, uint32_t row) {
  uint32_t best = 0;
  for (uint32_t i = threadIdx.x; i < a.width; i += blockDim.x) {
    m.keys[i] = key_of(logit_bits(a, row, i));
    best = max(best, m.keys[i]);
  }
  Scorer score = {a.score, value_of(block_max(best)), 0};
  if (a.score == Score::kSoftmax) {
    uint64_t sum = 0;
    for (uint32_t i = threadIdx.x; i < a.width; i += blockDim.x) {
      const Power term = exp_below(score.largest, value_of(m.keys[i]));
      sum += shifted_right(term.m, term.n);
    }
    score.sum = block_sum(sum);
  }
  if (a.bias == nullptr) return score;
  for (uint32_t i = threadIdx.x; i < a.width; i += blockDim.x) {
    m.keys[i] = biased_key(score(value_of(m.keys[i])), a.bias[i]);
  }
  __syncthreads();
  return score;
}

/** Clears the keys of the groups that are not kept. A warp ranks a group. */
__device__ inline void keep_groups(const RouteArgs& a, const WideMemory& m, const Scorer& score) {
  const uint32_t width = a.groupWidth;
  for (uint32_t group = warp_id(); group < a.choiceGroups; group += warps_in_block()) {
    Top2 best = {0, 0};
    for (uint32_t i = lane_id(); i < width; i += 32) best = larger_two(best, {m.keys[group * width + i], 0});
#pragma unroll
    for (int step = 16; step > 0; step /= 2) {
      const uint32_t first = __shfl_xor_sync(kFullMask, best.first, step);
      best = larger_two(best, {first, __shfl_xor_sync(kFullMask, best.second, step)});
    }
    if (lane_id() == 0) m.groups[group] = group_key(a, score, best);
  }
  __syncthreads();
  for (uint32_t group = warp_id(); group < a.choiceGroups; group += warps_in_block()) {
    const uint32_t key = m.groups[group];
    uint32_t better = 0;
    for (uint32_t i = lane_id(); i < a.choiceGroups; i += 32) {
      better += m.groups[i] > key || (m.groups[i] == key && i < group);
    }
    if (warp_sum(better) < a.keptGroups) continue;
    for (uint32_t i = lane_id(); i < width; i += 32) m.keys[group * width + i] = 0;
  }
  __syncthreads();
}

__device__ inline void store_chosen(const RouteArgs& a, const WideMemory& m, const Scorer& score, uint32_t row) {
  const uint32_t token = row / a.groups;
  const bool goes = !is_masked(a, token);
  const uint32_t firstExpert = row % a.groups * a.width;
  for (uint32_t k = threadIdx.x; k < a.picks; k += blockDim.x) {
    const uint64_t pair = static_cast<uint64_t>(row) * a.picks + k;
    const uint32_t column = m.chosen[k];
    a.topKIndices[pair] = goes ? static_cast<int32_t>(firstExpert + column) : -1;
    a.expertScalesFloat[pair] = goes ? score(__uint_as_float(logit_bits(a, row, column))) : 0.0f;
  }
  if (a.tokenScores != nullptr && threadIdx.x == 0) {
    a.tokenScores[token] = key_of(__float_as_uint(called_score(score, score.largest)));
  }
}

__device__ inline void route_wide(const RouteArgs& a, char* memory) {
  const WideMemory m(memory, a);
  grid_wait();
  grid_trigger();
  uint32_t padded = 1;
  while (padded < a.picks) padded *= 2;
  for (uint32_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const Scorer score = load_row(a, m, row);
    if (a.keptGroups < a.choiceGroups) keep_groups(a, m, score);
    uint32_t equal;
    const uint32_t threshold = select_threshold(m, a.width, a.picks, equal);
    collect(m, a.width, a.picks, threshold, equal);
    sort_chosen(m, a.picks, padded);
    store_chosen(a, m, score, row);
    __syncthreads();
  }
}

}  // namespace moe
