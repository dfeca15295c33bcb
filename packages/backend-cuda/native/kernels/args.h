// Kernel parameters, shared by the kernels and the host code that fills them in. Plain data, passed by value.
#pragma once
#include <cstdint>

namespace moe {

/** Expert of a (token, choice) pair whose index lies outside 0 … E-1: counted nowhere, moved nowhere. */
constexpr uint32_t kNoExpert = 0xFFFFu;
/** A tile's pairs are ranked with 16 bits. */
constexpr uint32_t kMaxTilePairs = 0xFFFFu;

/** Choosing experts: gating [rows, width] to indices and scales [rows, picks]. */
struct RouteArgs {
  const float* gating;
  int32_t* indices;
  float* scales;
  uint32_t rows;    // tokens; tokens · groups in group routing
  uint32_t width;   // experts; experts / groups in group routing
  uint32_t picks;   // choices per row
  uint32_t groups;  // rows per token
  uint32_t scalesAreGating;
};

/**
 * Ranking the pairs of each tile (a run of consecutive pairs) by expert.
 * histogram [tiles, experts]: the tile's pairs per expert. pairs [tokens · topK]: rank << 16 | expert, where rank counts
 * the pairs of the same expert before it in the tile.
 */
struct TileArgs {
  uint16_t* histogram;
  uint32_t* pairs;
  const int32_t* indices;  // where the experts come from memory
  uint64_t totalPairs;
  uint32_t experts;
  uint32_t tilePairs;  // pairs in each tile but the last
  uint32_t passPairs;  // pairs ranked at a time: what shared memory holds
};

/** From ranks inside tiles to rows of the permuted tensor. */
struct PlanArgs {
  const uint16_t* histogram;
  const uint32_t* pairs;
  int64_t* counts;   // [experts]
  int32_t* offsets;  // [experts + 1]
  int32_t* map;      // [topK, tokens]
  uint32_t tiles;
  uint32_t experts;
  uint32_t tokens;
  uint32_t topK;
  uint32_t tileTokens;
  uint32_t blocksPerTile;
};

/** Copying rows: x [tokens, rowBytes] to out [topK · tokens, rowBytes]. */
struct CopyArgs {
  const char* x;
  char* out;
  uint64_t rowBytes;
  uint32_t parts;      // units a row is cut into
  uint32_t partBytes;  // of each but the last
};

/** Rows by an inverse map that is already in memory. */
struct PermuteArgs {
  CopyArgs copy;
  const int32_t* map;  // [topK, tokens]
  uint32_t tokens;
  uint32_t topK;
};

struct RouteTileArgs {
  RouteArgs route;
  TileArgs tile;
};

struct PlaceArgs {
  PlanArgs plan;
  CopyArgs copy;
};

/** The whole dispatch of a few tokens in one kernel. */
struct DecodeArgs {
  RouteArgs route;
  CopyArgs copy;
  int64_t* counts;   // [experts]
  int32_t* offsets;  // [experts + 1]
  int32_t* map;      // [topK, tokens]
  uint32_t experts;
  uint32_t tokens;
  uint32_t topK;
};

/** A warp holds a pair in each lane. */
constexpr uint32_t kMaxDecodePairs = 32;
constexpr uint32_t kDecodeWarps = 4;

struct ReduceArgs {
  const void* ffn;      // [topK · tokens, hidden]
  const float* scales;  // [tokens, topK]
  const int32_t* map;   // [topK, tokens]
  const int32_t* indices;  // [tokens, topK]; read only with a bias
  const void* bias;        // [experts, hidden], or null
  void* out;               // [tokens, hidden]
  double factor;
  uint64_t hidden;
  uint32_t tokens;
  uint32_t topK;
  uint32_t experts;
  uint32_t normalise;
  uint32_t parts;       // units a token's row is cut into
  uint32_t partVectors; // of each but the last
};

}  // namespace moe
