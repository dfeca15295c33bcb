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

/** Histograms of a tile have an even number of columns, so that two counts can be read and added as one word. */
#ifdef __CUDACC__
__host__ __device__
#endif
constexpr uint32_t histogram_width(uint32_t experts) { return (experts + 1) & ~1u; }

/**
 * Ranking the pairs of each tile (a run of consecutive pairs) by expert. Work is dealt in rows of `rowPairs`, all
 * of different experts: what one row of gating values gives where it is routed on the way, else single pairs.
 * histogram [tiles, histogram_width]: the tile's pairs per expert. pairs [tokens · topK]: rank << 16 | expert, where rank
 * counts the pairs of the same expert before it in the tile.
 */
struct TileArgs {
  uint16_t* histogram;
  uint32_t* pairs;
  const int32_t* indices;  // where the experts come from memory
  uint32_t experts;
  uint32_t rowPairs;
  uint32_t totalRows;
  uint32_t tileRows;  // in each tile but the last
  uint32_t passRows;  // ranked at a time: what shared memory holds
  uint32_t warpRows;  // of a pass, for each warp
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
  uint32_t blocksPerTile;  // of those that copy rows
};

/** Copying rows: x [tokens, rowBytes] to out [topK · tokens, rowBytes]. */
struct CopyArgs {
  const char* x;
  char* out;
  uint64_t rowBytes;
  uint32_t parts;      // units a row is cut into
  uint32_t partBytes;  // of each but the last: at most what a warp holds in registers
};

/** Vectors of a row that a lane holds while it writes them to their places. */
constexpr uint32_t kCopyDepth = 4;

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
