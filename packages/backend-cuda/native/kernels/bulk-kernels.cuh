#pragma once
#include "bulk.cuh"
#include "place.cuh"
namespace moe {
#if __CUDA_ARCH__ >= 900
__device__ __forceinline__ void place_rows_bulk(const PlaceArgs& args, char* memory, uint32_t stages) {
  const PlanArgs& a = args.plan;
  uint32_t* const totals = reinterpret_cast<uint32_t*>(memory);
  uint32_t* const bases = totals + a.experts;
  char* const ring = memory + (a.experts * 8 + 127) / 128 * 128;
  const uint32_t tile = blockIdx.x / a.blocksPerTile;
  const uint32_t firstToken = tile * a.tileTokens;
  const uint32_t tokens = min(a.tileTokens, a.tokens - firstToken);
  const uint32_t warp = (blockIdx.x % a.blocksPerTile) * warps_in_block() + warp_id();
  const auto ready = [&] {
    grid_wait();
    grid_trigger();
    tile_bases(a, tile, totals, bases);
  };
  const auto place = [&](uint32_t token, uint32_t k, uint32_t part) {
    const uint32_t row = row_of(a.pairs[static_cast<uint64_t>(token) * a.topK + k], bases);
    if (part == 0) a.map[static_cast<uint64_t>(k) * a.tokens + token] = static_cast<int32_t>(row);
    return row;
  };
  copy_units_bulk(args.copy, ring, stages, firstToken, a.topK, warp, tokens * args.copy.parts,
                  a.blocksPerTile * warps_in_block(), ready, place);
}

__device__ __forceinline__ void permute_rows_bulk(const PermuteArgs& a, char* memory, uint32_t stages) {
  const uint32_t rows = a.tokens * a.topK;
  const auto ready = [&] {
    grid_wait();
    grid_trigger();
  };
  const auto place = [&](uint32_t token, uint32_t k, uint32_t) {
    const uint32_t row = static_cast<uint32_t>(a.map[static_cast<uint64_t>(k) * a.tokens + token]);
    return row < rows ? row : kNoRow;
  };
  copy_units_bulk(a.copy, memory, stages, 0, a.topK, blockIdx.x * warps_in_block() + warp_id(),
                  a.tokens * a.copy.parts, gridDim.x * warps_in_block(), ready, place);
}
#endif
}
