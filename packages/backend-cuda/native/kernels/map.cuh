// From places in tiles to rows, the inverse map: every block adds up the tiles' histograms for itself, which costs less than
// a kernel that does it for all. Then each pair's row is base[expert] + place.
#pragma once
#include "choices.cuh"
#include "copy.cuh"

namespace moe {

__device__ __forceinline__ void add_halves(uint2& sums, uint32_t word) {
  sums.x += word & 0xFFFFu;
  sums.y += word >> 16;
}

/** Adds up the tiles' histograms, two experts a word: all of them, and those before `tile`. */
__device__ __forceinline__ void add_histograms(const MapArgs& a, uint32_t tile, uint32_t* totals, uint32_t* before) {
  // Loads in flight together: written out, because what is left of an unrolled loop would wait for each.
  constexpr uint32_t kBatch = 8;
  const uint32_t* const histogram = reinterpret_cast<const uint32_t*>(a.histogram);
  const uint32_t columns = histogram_width(a.experts) / 2;
  const uint32_t width = min(columns, blockDim.x);
  const uint32_t segments = min(blockDim.x / width, (a.tiles + kBatch - 1) / kBatch);
  const uint32_t segment = threadIdx.x / width;
  if (segment >= segments) return;
  // The halves of a word can be added up as they are while their sums fit 16 bits.
  const bool small = a.tileTokens * a.topK * kBatch <= 0xFFFFu;
  for (uint32_t column = threadIdx.x % width; column < columns; column += width) {
    uint2 total = {}, earlier = {};
    for (uint32_t first = segment; first < a.tiles; first += kBatch * segments) {
      uint32_t words[kBatch];
#pragma unroll
      for (uint32_t i = 0; i < kBatch; i++) {
        const uint32_t from = first + i * segments;
        words[i] = from < a.tiles ? histogram[static_cast<uint64_t>(from) * columns + column] : 0;
      }
      uint32_t sum = 0, sumEarlier = 0;
#pragma unroll
      for (uint32_t i = 0; i < kBatch; i++) {
        sum += words[i];
        if (first + i * segments < tile) sumEarlier += words[i];
        if (small && i + 1 < kBatch) continue;
        add_halves(total, sum);
        add_halves(earlier, sumEarlier);
        sum = sumEarlier = 0;
      }
    }
    // Integer sums: no order of the atomics shows.
    atomicAdd(&totals[column * 2], total.x);
    atomicAdd(&totals[column * 2 + 1], total.y);
    atomicAdd(&before[column * 2], earlier.x);
    atomicAdd(&before[column * 2 + 1], earlier.y);
  }
}

__device__ __forceinline__ void clear_bases(const MapArgs& a, uint32_t* totals, uint32_t* bases) {
  for (uint32_t expert = threadIdx.x; expert < histogram_width(a.experts); expert += blockDim.x) {
    totals[expert] = 0;
    bases[expert] = 0;
  }
  __syncthreads();
}

/** Σ of `value` over the threads before this one: all threads of the block. `warpSums` [32]. */
__device__ __forceinline__ uint32_t block_exclusive_sum(uint32_t value, uint32_t* warpSums) {
  const uint32_t inclusive = warp_inclusive_scan(value);
  if (lane_id() == 31) warpSums[warp_id()] = inclusive;
  __syncthreads();
  const uint32_t warpSum = lane_id() < warp_id() ? warpSums[lane_id()] : 0;
  return warp_sum(warpSum) + inclusive - value;
}

/** The first row of each expert's pairs in `tile`, in cleared shared memory. One block `stores` tokenNumsPerExpert and expertOffsets. */
__device__ inline void tile_bases(const MapArgs& a, uint32_t tile, bool stores, uint32_t* totals, uint32_t* bases) {
  add_histograms(a, tile, totals, bases);
  __syncthreads();
  __shared__ uint32_t warpSums[32];
  __shared__ uint32_t offset;  // of the experts that come next
  for (uint32_t base = 0; base < a.experts; base += blockDim.x) {
    const uint32_t expert = base + threadIdx.x;
    const uint32_t count = expert < a.experts ? totals[expert] : 0;
    // Read before the barrier inside the sum, written after it.
    const uint32_t begin = base == 0 ? 0 : offset;
    const uint32_t first = begin + block_exclusive_sum(count, warpSums);
    if (expert < a.experts) {
      bases[expert] += first;
      if (stores) {
        a.tokenNumsPerExpert[expert] = count;
        a.expertOffsets[expert] = static_cast<int32_t>(first);
        if (expert == a.experts - 1) a.expertOffsets[a.experts] = static_cast<int32_t>(first + count);
      }
    }
    if (threadIdx.x == blockDim.x - 1) offset = first + count;
    __syncthreads();
  }
}

__device__ __forceinline__ uint32_t row_of(uint32_t packed, const uint32_t* bases) {
  const uint32_t expert = packed & 0xFFFFu;
  return expert == kNoExpert ? kNoRow : bases[expert] + (packed >> 16);
}

/** The dispatch plan; a block for each tile. */
__device__ __forceinline__ void map_pairs(const MapArgs& a, uint32_t* memory) {
  uint32_t* const bases = memory + histogram_width(a.experts);
  clear_bases(a, memory, bases);
  grid_wait();
  grid_trigger();
  tile_bases(a, blockIdx.x, blockIdx.x == 0, memory, bases);
  const uint64_t begin = static_cast<uint64_t>(blockIdx.x) * a.tileTokens * a.topK;
  const uint64_t end = min(begin + static_cast<uint64_t>(a.tileTokens) * a.topK,
                           static_cast<uint64_t>(a.tokens) * a.topK);
  for (uint64_t pair = begin + threadIdx.x; pair < end; pair += blockDim.x) {
    const uint32_t token = static_cast<uint32_t>(pair / a.topK);
    const uint32_t k = static_cast<uint32_t>(pair - static_cast<uint64_t>(token) * a.topK);
    a.permuteIndicesPerToken[static_cast<uint64_t>(k) * a.tokens + token] = static_cast<int32_t>(row_of(a.pairs[pair], bases));
  }
}

/** The same, and the rows of x move. Blocks in front score choices. */
template <class Vector>
__device__ __forceinline__ void map_and_move_rows(const MapAndMoveArgs& args, uint32_t* memory) {
  const MapArgs& a = args.map;
  if (blockIdx.x < args.score.blocks) return score_choices(args.score);
  const uint32_t block = blockIdx.x - args.score.blocks;
  uint32_t* const bases = memory + histogram_width(a.experts);
  const uint32_t tile = block / a.blocksPerTile;
  const uint32_t firstToken = tile * a.tileTokens;
  const uint32_t tokens = min(a.tileTokens, a.tokens - firstToken);
  const uint32_t warp = (block % a.blocksPerTile) * warps_in_block() + warp_id();
  const auto fetch = [&](uint32_t token, uint32_t k) { return a.pairs[static_cast<uint64_t>(token) * a.topK + k]; };
  const auto locate = [&](uint32_t packed, uint32_t token, uint32_t k, uint32_t part) {
    const uint32_t row = row_of(packed, bases);
    if (part == 0) a.permuteIndicesPerToken[static_cast<uint64_t>(k) * a.tokens + token] = static_cast<int32_t>(row);
    return row;
  };
  RowCopy<Vector> copy(args.copy, firstToken, a.topK, warp, tokens * args.copy.parts,
                              a.blocksPerTile * warps_in_block());
  copy.load_first();
  clear_bases(a, memory, bases);
  grid_wait();
  grid_trigger();
  copy.fetch_first(fetch);
  tile_bases(a, tile, block == 0, memory, bases);
  copy.run(fetch, locate);
}

/** Rows by a map in memory, which may hold anything. Warps score choices on the way, each of as many rows. */
template <class Vector, class Weighing = AsTheyAre>
__device__ __forceinline__ void move_rows(const MoveArgs& a, const Weighing& weighing = {}) {
  const uint32_t rows = a.tokens * a.topK;
  const auto fetch = [&](uint32_t token, uint32_t k) {
    return static_cast<uint32_t>(a.permuteIndicesPerToken[static_cast<uint64_t>(k) * a.tokens + token]);
  };
  const auto locate = [&](uint32_t row, uint32_t, uint32_t, uint32_t) { return row < rows ? row : kNoRow; };
  RowCopy<Vector, Weighing> copy(a.copy, 0, a.topK, blockIdx.x * warps_in_block() + warp_id(),
                                 a.tokens * a.copy.parts, gridDim.x * warps_in_block(), weighing);
  OwnSoftmaxes softmaxes(a.score, warp_id() * gridDim.x + blockIdx.x, gridDim.x * warps_in_block());
  copy.load_first();
  softmaxes.begin();
  grid_wait();
  grid_trigger();
  copy.fetch_first(fetch);
  copy.run(fetch, locate);
  softmaxes.finish();
}

}  // namespace moe
