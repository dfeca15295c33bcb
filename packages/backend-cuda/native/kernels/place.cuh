// From ranks inside tiles to rows: every block adds up the tiles' histograms for itself, which costs less than a kernel
// that does it for all. Then each pair's row is base[expert] + rank.
#pragma once
#include "copy.cuh"

namespace moe {

/** Adds up the tiles' histograms: all of them, and those before `tile`. EXPERTS counts at a time. */
template <int EXPERTS>
__device__ __forceinline__ void add_histograms(const PlanArgs& a, uint32_t tile, uint32_t* totals, uint32_t* before) {
  const uint32_t columns = a.experts / EXPERTS;
  const uint32_t width = min(columns, blockDim.x);
  const uint32_t segments = blockDim.x / width;
  const uint32_t segment = threadIdx.x / width;
  if (segment >= segments) return;
  for (uint32_t column = threadIdx.x % width; column < columns; column += width) {
    uint32_t total[EXPERTS] = {}, earlier[EXPERTS] = {};
#pragma unroll 8
    for (uint32_t i = segment; i < a.tiles; i += segments) {
      const uint16_t* counts = a.histogram + static_cast<uint64_t>(i) * a.experts + column * EXPERTS;
      const uint32_t word = EXPERTS == 2 ? *reinterpret_cast<const uint32_t*>(counts) : *counts;
#pragma unroll
      for (int j = 0; j < EXPERTS; j++) {
        const uint32_t count = word >> (16 * j) & 0xFFFFu;
        total[j] += count;
        if (i < tile) earlier[j] += count;
      }
    }
#pragma unroll
    for (int j = 0; j < EXPERTS; j++) {
      // Integer sums: no order of the atomics shows.
      atomicAdd(&totals[column * EXPERTS + j], total[j]);
      atomicAdd(&before[column * EXPERTS + j], earlier[j]);
    }
  }
}

/** The first row of each expert's pairs in `tile`, in shared memory. The first block stores counts and offsets. */
__device__ inline void tile_bases(const PlanArgs& a, uint32_t tile, uint32_t* totals, uint32_t* bases) {
  for (uint32_t expert = threadIdx.x; expert < a.experts; expert += blockDim.x) {
    totals[expert] = 0;
    bases[expert] = 0;
  }
  __syncthreads();
  if (a.experts % 2 == 0) add_histograms<2>(a, tile, totals, bases);
  else add_histograms<1>(a, tile, totals, bases);
  __syncthreads();
  const bool first = blockIdx.x == 0;
  if (first) {
    for (uint32_t expert = threadIdx.x; expert < a.experts; expert += blockDim.x) a.counts[expert] = totals[expert];
    __syncthreads();
  }
  const uint32_t sum = block_exclusive_scan(totals, a.experts);
  for (uint32_t expert = threadIdx.x; expert < a.experts; expert += blockDim.x) {
    bases[expert] += totals[expert];
    if (first) a.offsets[expert] = static_cast<int32_t>(totals[expert]);
  }
  if (first && threadIdx.x == 0) a.offsets[a.experts] = static_cast<int32_t>(sum);
  __syncthreads();
}

__device__ __forceinline__ uint32_t row_of(uint32_t packed, const uint32_t* bases) {
  const uint32_t expert = packed & 0xFFFFu;
  return expert == kNoExpert ? kNoRow : bases[expert] + (packed >> 16);
}

/** Counts, offsets and the inverse map. */
__device__ __forceinline__ void place_pairs(const PlanArgs& a, uint32_t* memory) {
  uint32_t* const bases = memory + a.experts;
  const uint32_t tile = blockIdx.x / a.blocksPerTile;
  grid_wait();
  grid_trigger();
  tile_bases(a, tile, memory, bases);
  const uint64_t begin = static_cast<uint64_t>(tile) * a.tileTokens * a.topK;
  const uint64_t end = min(begin + static_cast<uint64_t>(a.tileTokens) * a.topK,
                           static_cast<uint64_t>(a.tokens) * a.topK);
  const uint32_t part = blockIdx.x % a.blocksPerTile;
  const uint32_t stride = blockDim.x * a.blocksPerTile;
  for (uint64_t pair = begin + part * blockDim.x + threadIdx.x; pair < end; pair += stride) {
    const uint32_t token = static_cast<uint32_t>(pair / a.topK);
    const uint32_t k = static_cast<uint32_t>(pair - static_cast<uint64_t>(token) * a.topK);
    a.map[static_cast<uint64_t>(k) * a.tokens + token] = static_cast<int32_t>(row_of(a.pairs[pair], bases));
  }
}

/** The same, and the rows of x go to their places. */
template <class Vector, int DEPTH>
__device__ __forceinline__ void place_rows(const PlaceArgs& args, uint32_t* memory) {
  const PlanArgs& a = args.plan;
  uint32_t* const bases = memory + a.experts;
  const uint32_t tile = blockIdx.x / a.blocksPerTile;
  const uint32_t firstToken = tile * a.tileTokens;
  const uint32_t tokens = min(a.tileTokens, a.tokens - firstToken);
  const uint32_t warp = (blockIdx.x % a.blocksPerTile) * warps_in_block() + warp_id();
  const auto ready = [&] {
    grid_wait();
    grid_trigger();
    tile_bases(a, tile, memory, bases);
  };
  const auto place = [&](uint32_t token, uint32_t k, uint32_t part) {
    const uint32_t row = row_of(a.pairs[static_cast<uint64_t>(token) * a.topK + k], bases);
    if (part == 0) a.map[static_cast<uint64_t>(k) * a.tokens + token] = static_cast<int32_t>(row);
    return row;
  };
  copy_units<Vector, DEPTH>(args.copy, firstToken, a.topK, warp, tokens * args.copy.parts,
                            a.blocksPerTile * warps_in_block(), ready, place);
}

/** Rows by a map in memory, which may hold anything. */
template <class Vector, int DEPTH>
__device__ __forceinline__ void permute_rows(const PermuteArgs& a) {
  const uint32_t rows = a.tokens * a.topK;
  const auto ready = [&] {
    grid_wait();
    grid_trigger();
  };
  const auto place = [&](uint32_t token, uint32_t k, uint32_t) {
    const uint32_t row = static_cast<uint32_t>(a.map[static_cast<uint64_t>(k) * a.tokens + token]);
    return row < rows ? row : kNoRow;
  };
  copy_units<Vector, DEPTH>(a.copy, 0, a.topK, blockIdx.x * warps_in_block() + warp_id(), a.tokens * a.copy.parts,
                            gridDim.x * warps_in_block(), ready, place);
}

}  // namespace moe
