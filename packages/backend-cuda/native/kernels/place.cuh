// Places of the pairs of a tile among those of the same expert: a histogram for each warp, a scan over the warps, no atomics.
#pragma once
#include "route.cuh"

namespace moe {

/** Shared memory of a block that places the pairs of a tile. */
struct TileMemory {
  uint32_t width;        // of a histogram
  uint32_t* pairs;       // [passRows · rowPairs] expert, then place << 16 | expert
  uint16_t* warpCounts;  // [warps, width]
  uint16_t* carry;       // [width]: the passes before

  __device__ TileMemory(char* memory, const TileArgs& a) : width(histogram_width(a.experts)) {
    pairs = reinterpret_cast<uint32_t*>(memory);
    warpCounts = reinterpret_cast<uint16_t*>(pairs + a.passRows * a.rowPairs);
    carry = warpCounts + warps_in_block() * width;
  }
};

/** The pairs begin … end-1 of the pass, all of this warp: 32 at a time, in order. `distinct`: no two share an expert. */
__device__ __forceinline__ void place_in_warp(uint32_t* pairs, uint16_t* counts, uint32_t begin, uint32_t end,
                                             bool distinct) {
  for (uint32_t first = begin; first < end; first += 32) {
    const uint32_t i = first + lane_id();
    const uint32_t expert = i < end ? pairs[i] : kNoExpert;
    const uint32_t peers = distinct ? 1u << lane_id() : __match_any_sync(kFullMask, expert);
    const uint32_t before = __popc(peers & ((1u << lane_id()) - 1));
    const uint32_t base = expert == kNoExpert ? 0 : counts[expert];
    __syncwarp();
    if (before == 0 && expert != kNoExpert) counts[expert] = static_cast<uint16_t>(base + __popc(peers));
    if (i < end) pairs[i] = (base + before) << 16 | expert;
    __syncwarp();
  }
}

/** Turns each warp's counts into the number of pairs before that warp, earlier passes included; two experts at a time. */
__device__ __forceinline__ void scan_warps(const TileMemory& m) {
  // Loads ahead of stores, which the compiler cannot know to be apart.
  constexpr uint32_t kAhead = 8;
  const uint32_t columns = m.width / 2;
  uint32_t* const warpCounts = reinterpret_cast<uint32_t*>(m.warpCounts);
  uint32_t* const carry = reinterpret_cast<uint32_t*>(m.carry);
  for (uint32_t column = threadIdx.x; column < columns; column += blockDim.x) {
    uint32_t running = carry[column];
    for (uint32_t first = 0; first < warps_in_block(); first += kAhead) {
      uint32_t counts[kAhead];
#pragma unroll
      for (uint32_t i = 0; i < kAhead; i++) {
        counts[i] = first + i < warps_in_block() ? warpCounts[(first + i) * columns + column] : 0;
      }
#pragma unroll
      for (uint32_t i = 0; i < kAhead; i++) {
        if (first + i < warps_in_block()) warpCounts[(first + i) * columns + column] = running;
        running += counts[i];
      }
    }
    carry[column] = running;
  }
}

__device__ __forceinline__ void clear_counts(uint16_t* counts, uint32_t width, uint32_t first, uint32_t stride) {
  for (uint32_t i = first; i < width / 2; i += stride) reinterpret_cast<uint32_t*>(counts)[i] = 0;
}

/**
 * Places the pairs of one tile. `ready()` is called once, before anything in memory is touched. `fill(firstRow, endRow, pairs)` writes
 * the experts of these rows' pairs. `store(pair, packed)` gets them with their places.
 */
template <class Ready, class Fill, class Store>
__device__ __forceinline__ void place_tile(const TileMemory& m, const TileArgs& a, uint32_t tile, const Ready& ready,
                                          const Fill& fill, const Store& store) {
  const uint32_t tileBegin = tile * a.tileRows;
  const uint32_t tileEnd = min(tileBegin + a.tileRows, a.totalRows);
  uint16_t* const counts = m.warpCounts + warp_id() * m.width;
  clear_counts(m.carry, m.width, threadIdx.x, blockDim.x);
  clear_counts(counts, m.width, lane_id(), 32);
  ready();
  for (uint32_t pass = tileBegin; pass < tileEnd; pass += a.passRows) {
    const uint32_t passEnd = min(pass + a.passRows, tileEnd);
    const uint32_t firstRow = min(pass + warp_id() * a.warpRows, passEnd);
    const uint32_t endRow = min(firstRow + a.warpRows, passEnd);
    const uint32_t begin = (firstRow - pass) * a.rowPairs;
    const uint32_t end = (endRow - pass) * a.rowPairs;
    if (pass != tileBegin) {
      __syncthreads();
      clear_counts(counts, m.width, lane_id(), 32);
    }
    fill(firstRow, endRow, m.pairs + begin);
    __syncwarp();
    place_in_warp(m.pairs, counts, begin, end, endRow - firstRow <= 1);
    __syncthreads();
    scan_warps(m);
    __syncthreads();
    const uint32_t firstPair = pass * a.rowPairs;
    for (uint32_t i = begin + lane_id(); i < end; i += 32) {
      const uint32_t packed = m.pairs[i];
      const uint32_t expert = packed & 0xFFFFu;
      store(firstPair + i, expert == kNoExpert ? packed : packed + (static_cast<uint32_t>(counts[expert]) << 16));
    }
  }
}

/** Experts of routed rows: the warp routes them. */
template <int LANES, int VALUES, bool ROUTER>
struct RouteFill {
  const RouteArgs& route;

  __device__ __forceinline__ void operator()(uint32_t firstRow, uint32_t endRow, uint32_t* pairs) const {
    const uint32_t firstPair = firstRow * route.picks;
    const auto emit = [=](uint32_t pair, uint32_t expert) { pairs[pair - firstPair] = expert; };
    for (uint32_t first = firstRow; first < endRow; first += 32 / LANES) {
      const uint32_t row = first + lane_id() / LANES;
      route_row<LANES, VALUES, ROUTER>(route, row, row < endRow, emit);
    }
  }
};

/** Experts that are in memory already; whatever is no expert is marked. A row is a pair. */
struct IndexFill {
  const TileArgs& tile;

  __device__ __forceinline__ void operator()(uint32_t firstPair, uint32_t endPair, uint32_t* pairs) const {
    for (uint32_t i = lane_id(); i < endPair - firstPair; i += 32) {
      const uint32_t expert = static_cast<uint32_t>(tile.topKIndices[firstPair + i]);
      pairs[i] = expert < tile.experts ? expert : kNoExpert;
    }
  }
};

/** Two counts a word. */
__device__ __forceinline__ void store_histogram(const TileMemory& m, const TileArgs& a, uint32_t tile) {
  const uint32_t columns = m.width / 2;
  uint32_t* const target = reinterpret_cast<uint32_t*>(a.histogram) + static_cast<uint64_t>(tile) * columns;
  for (uint32_t i = threadIdx.x; i < columns; i += blockDim.x) target[i] = reinterpret_cast<uint32_t*>(m.carry)[i];
}

struct WaitForGrid {
  __device__ __forceinline__ void operator()() const {
    grid_wait();
    grid_trigger();
  }
};

struct StorePairs {
  uint32_t* pairs;
  __device__ __forceinline__ void operator()(uint32_t pair, uint32_t packed) const { pairs[pair] = packed; }
};

/** A tile for each block: routes its rows and places their choices. */
template <int LANES, int VALUES, bool ROUTER>
__device__ __forceinline__ void route_tile(const RouteTileArgs& a, char* memory) {
  const TileMemory m(memory, a.tile);
  place_tile(m, a.tile, blockIdx.x, WaitForGrid(), RouteFill<LANES, VALUES, ROUTER>{a.route}, StorePairs{a.tile.pairs});
  store_histogram(m, a.tile, blockIdx.x);
}

/** A tile for each block: places choices that are in memory. */
__device__ __forceinline__ void place_choices(const TileArgs& a, char* memory) {
  const TileMemory m(memory, a);
  place_tile(m, a, blockIdx.x, WaitForGrid(), IndexFill{a}, StorePairs{a.pairs});
  store_histogram(m, a, blockIdx.x);
}

}  // namespace moe
