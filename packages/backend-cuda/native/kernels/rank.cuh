// Ranking the pairs of a tile by expert: a histogram for each warp, a scan over the warps, no atomics.
#pragma once
#include "route.cuh"

namespace moe {

/** Shared memory of a block that ranks a tile. */
struct TileMemory {
  uint32_t* pairs;         // [passPairs] expert, then rank << 16 | expert
  uint16_t* warpCounts;    // [warps, experts]
  uint16_t* carry;         // [experts]: the passes before

  __device__ TileMemory(char* memory, const TileArgs& a) {
    pairs = reinterpret_cast<uint32_t*>(memory);
    warpCounts = reinterpret_cast<uint16_t*>(pairs + a.passPairs);
    carry = warpCounts + warps_in_block() * a.experts;
  }
};

/** The pairs begin … end-1 of the pass, all of this warp: 32 at a time, in order. */
__device__ __forceinline__ void rank_in_warp(uint32_t* pairs, uint16_t* counts, uint32_t begin, uint32_t end) {
  for (uint32_t first = begin; first < end; first += 32) {
    const uint32_t i = first + lane_id();
    const uint32_t expert = i < end ? pairs[i] : kNoExpert;
    const uint32_t peers = __match_any_sync(kFullMask, expert);
    const uint32_t before = __popc(peers & ((1u << lane_id()) - 1));
    const uint32_t base = expert == kNoExpert ? 0 : counts[expert];
    __syncwarp();
    if (before == 0 && expert != kNoExpert) counts[expert] = static_cast<uint16_t>(base + __popc(peers));
    if (i < end) pairs[i] = (base + before) << 16 | expert;
    __syncwarp();
  }
}

/** Turns each warp's counts into the number of pairs before that warp, earlier passes included. */
__device__ __forceinline__ void scan_warps(const TileMemory& m, uint32_t experts) {
  for (uint32_t expert = threadIdx.x; expert < experts; expert += blockDim.x) {
    uint32_t running = m.carry[expert];
#pragma unroll 8
    for (uint32_t warp = 0; warp < warps_in_block(); warp++) {
      const uint32_t count = m.warpCounts[warp * experts + expert];
      m.warpCounts[warp * experts + expert] = static_cast<uint16_t>(running);
      running += count;
    }
    m.carry[expert] = static_cast<uint16_t>(running);
  }
}

/**
 * Ranks one tile. `fill(pass, begin, end)` writes the experts of pairs begin … end-1 of the pass that starts at pair
 * `pass` into `m.pairs`; `share` is the granularity in which pairs are dealt to warps. `store(pair, packed)` gets them.
 */
template <class Fill, class Store>
__device__ __forceinline__ void rank_tile(const TileMemory& m, const TileArgs& a, uint32_t tile, uint32_t share,
                                          const Fill& fill, const Store& store) {
  const uint64_t tileBegin = static_cast<uint64_t>(tile) * a.tilePairs;
  const uint64_t tileEnd = min(tileBegin + a.tilePairs, a.totalPairs);
  uint16_t* counts = m.warpCounts + warp_id() * a.experts;
  for (uint32_t expert = threadIdx.x; expert < a.experts; expert += blockDim.x) m.carry[expert] = 0;
  for (uint64_t pass = tileBegin; pass < tileEnd; pass += a.passPairs) {
    const uint32_t size = static_cast<uint32_t>(min(tileEnd - pass, static_cast<uint64_t>(a.passPairs)));
    const uint32_t shares = (size + share - 1) / share;
    const uint32_t each = (shares + warps_in_block() - 1) / warps_in_block() * share;
    const uint32_t begin = min(warp_id() * each, size);
    const uint32_t end = min(begin + each, size);
    for (uint32_t expert = lane_id(); expert < a.experts; expert += 32) counts[expert] = 0;
    fill(pass, begin, end);
    __syncwarp();
    rank_in_warp(m.pairs, counts, begin, end);
    __syncthreads();
    scan_warps(m, a.experts);
    __syncthreads();
    for (uint32_t i = begin + lane_id(); i < end; i += 32) {
      const uint32_t packed = m.pairs[i];
      const uint32_t expert = packed & 0xFFFFu;
      store(pass + i, expert == kNoExpert ? packed : packed + (static_cast<uint32_t>(counts[expert]) << 16));
    }
    __syncthreads();
  }
}

/** Experts of routed rows: the warp routes its share of the pass. */
template <int LANES, int VALUES>
struct RouteFill {
  const RouteArgs& route;
  uint32_t* pairs;

  __device__ __forceinline__ void operator()(uint64_t pass, uint32_t begin, uint32_t end) const {
    const uint64_t firstRow = (pass + begin) / route.picks;
    const uint64_t lastRow = (pass + end) / route.picks;
    uint32_t* const target = pairs;
    const auto emit = [=](uint64_t pair, uint32_t expert) { target[pair - pass] = expert; };
    for (uint64_t row = firstRow + lane_id() / LANES; row - lane_id() / LANES < lastRow; row += 32 / LANES) {
      route_row<LANES, VALUES>(route, row, row < lastRow, emit);
    }
  }
};

/** Experts that are in memory already; whatever is no expert is marked. */
struct IndexFill {
  const TileArgs& tile;
  uint32_t* pairs;

  __device__ __forceinline__ void operator()(uint64_t pass, uint32_t begin, uint32_t end) const {
    for (uint32_t i = begin + lane_id(); i < end; i += 32) {
      const uint32_t expert = static_cast<uint32_t>(tile.indices[pass + i]);
      pairs[i] = expert < tile.experts ? expert : kNoExpert;
    }
  }
};

__device__ __forceinline__ void store_histogram(const TileMemory& m, const TileArgs& a, uint32_t tile) {
  for (uint32_t expert = threadIdx.x; expert < a.experts; expert += blockDim.x) {
    a.histogram[static_cast<uint64_t>(tile) * a.experts + expert] = m.carry[expert];
  }
}

struct StorePairs {
  uint32_t* pairs;
  __device__ __forceinline__ void operator()(uint64_t pair, uint32_t packed) const { pairs[pair] = packed; }
};

/** A tile for each block: routes its rows and ranks their choices. */
template <int LANES, int VALUES>
__device__ __forceinline__ void route_tile(const RouteTileArgs& a, char* memory) {
  const TileMemory m(memory, a.tile);
  grid_wait();
  grid_trigger();
  rank_tile(m, a.tile, blockIdx.x, a.route.picks * (32 / LANES), RouteFill<LANES, VALUES>{a.route, m.pairs},
            StorePairs{a.tile.pairs});
  store_histogram(m, a.tile, blockIdx.x);
}

/** A tile for each block: ranks choices that are in memory. */
__device__ __forceinline__ void rank_indices(const TileArgs& a, char* memory) {
  const TileMemory m(memory, a);
  grid_wait();
  grid_trigger();
  rank_tile(m, a, blockIdx.x, 32, IndexFill{a, m.pairs}, StorePairs{a.pairs});
  store_histogram(m, a, blockIdx.x);
}

}  // namespace moe
