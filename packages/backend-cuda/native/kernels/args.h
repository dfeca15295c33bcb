// Kernel parameters, shared by the kernels and the host code that fills them in. Plain data, passed by value. Addresses are
// named after the tensors in core's table.
#pragma once
#include <cstdint>

namespace moe {

/** Expert of a (token, choice) pair whose index lies outside 0 … E-1: counted nowhere, moved nowhere. */
constexpr uint32_t kNoExpert = 0xFFFFu;
/** Places in a tile have 16 bits. */
constexpr uint32_t kMaxTilePairs = 0xFFFFu;

/** What makes scores of gating values. */
enum class Score : uint32_t { kSoftmax, kSigmoid, kSqrtsoftplus, kNone };
/** A dtype of numbers that are computed with. */
enum class Float : uint32_t { kFloat32, kFloat16, kBfloat16 };

/** From the scores of choices to their weights. */
struct WeightArgs {
  const float* perExpertScale;  // [all experts], or null
  const float* globalScale;     // [1], or null
  const float* sharedLogits;    // [tokens, sharedExperts]
  uint32_t sharedExperts;
  Score score;  // of the shared experts
  float normEps;
  float factor;
  uint32_t normalise;
  uint32_t experts;  // those that get rows; the others come after them
  uint32_t skips;    // whether choices of those others go nowhere
};

/**
 * Choosing experts: gatingOutput [rows, width] to topKIndices and expertScalesFloat [rows, picks]. Kernels for plain routing
 * read what stands above `weights`.
 */
struct RouteArgs {
  const void* gatingOutput;
  int32_t* topKIndices;      // null: not stored
  float* expertScalesFloat;  // null: not stored, nor made
  uint32_t rows;    // tokens; tokens · groups with one choice per group
  uint32_t width;   // experts; experts / groups with one choice per group
  uint32_t picks;   // choices per row
  uint32_t groups;  // rows per token
  Float dtype;      // of gatingOutput
  Score score;
  WeightArgs weights;
  const float* bias;         // [width], or null
  const uint8_t* tokenMask;  // [tokens], or null
  const int32_t* expertIds;  // [tokens, picks], if the choice is made
  uint32_t* tokenScores;     // [tokens] keys of the tokens' largest scores, or null
  float jitterEps;           // of sparsemixer
  uint32_t choiceGroups;     // of which some are kept, else 1
  uint32_t keptGroups;
  uint32_t groupWidth;
  uint32_t groupLanesLog2;  // lanes of a group: a power of two; of kernels that route by lanes
  uint32_t groupsByTwo;  // rank groups by the sum of their two best scores, not by their best value
  uint32_t finishes;     // store weights; else scores
};

/** The order of tokens by their largest scores. */
struct OrderArgs {
  const uint32_t* tokenScores;
  uint32_t* order;
  uint32_t tokens;
};

/** Dropping choices beyond the capacity of their experts: topKIndices [tokens, picks] becomes dropped(expert). */
struct DropArgs {
  int32_t* topKIndices;
  const uint32_t* order;  // null: that of tokens
  uint32_t tokens;
  uint32_t picks;
  uint32_t experts;
  uint32_t capacity;
};

/** Scores [tokens, picks] become weights, and whatever goes nowhere becomes -1. */
struct WeighArgs {
  int32_t* topKIndices;
  float* expertScalesFloat;
  WeightArgs weights;
  uint32_t tokens;
  uint32_t picks;
  uint32_t normBeforeDrop;
};

/** Histograms of a tile have an even number of columns, so that two counts can be read and added as one word. */
#ifdef __CUDACC__
__host__ __device__
#endif
constexpr uint32_t histogram_width(uint32_t experts) { return (experts + 1) & ~1u; }

/**
 * Placing the pairs of each tile (a run of consecutive pairs) by expert. Work is dealt in rows of `rowPairs`, all of
 * different experts: what one row of gatingOutput gives if it is routed on the way, else single pairs.
 * histogram [tiles, histogram_width]: the tile's pairs per expert. pairs [tokens · topK]: place << 16 | expert, where the
 * place counts the pairs of the same expert before it in the tile.
 */
struct TileArgs {
  uint16_t* histogram;
  uint32_t* pairs;
  const int32_t* topKIndices;  // if the experts come from memory
  uint32_t experts;
  uint32_t rowPairs;
  uint32_t totalRows;
  uint32_t tileRows;  // in each tile but the last
  uint32_t passRows;  // placed at a time: what shared memory holds
  uint32_t warpRows;  // of a pass, for each warp
};

/** From places in tiles to rows of permuteInput: the inverse map. */
struct MapArgs {
  const uint16_t* histogram;
  const uint32_t* pairs;
  int64_t* tokenNumsPerExpert;      // [experts]
  int32_t* expertOffsets;           // [experts + 1]
  int32_t* permuteIndicesPerToken;  // [topK, tokens]
  uint32_t tiles;
  uint32_t experts;
  uint32_t tokens;
  uint32_t topK;
  uint32_t tileTokens;
  uint32_t blocksPerTile;  // of those that copy rows
};

/** Weights of choices that a kernel before has made, by the first blocks of a kernel that has other work too. */
struct ScoreArgs {
  RouteArgs route;
  uint32_t blocks;  // may be none
  uint32_t lanes;   // for each row: a power of two from kScoreRows to 32
};

/** Rows that the same lanes score, at most. */
constexpr uint32_t kScoreRows = 4;

/** Copying rows: x [tokens, rowBytes] to permuteInput [topK · tokens, rowBytes]. */
struct CopyArgs {
  const char* x;
  char* permuteInput;
  uint64_t rowBytes;
  uint32_t parts;      // units a row is cut into
  uint32_t partBytes;  // of each but the last: at most what a warp holds in registers
};

/** Vectors of a row that a lane holds while it writes them to their rows. */
constexpr uint32_t kCopyDepth = 4;

/** Moving rows by an inverse map that is already in memory. */
struct MoveArgs {
  CopyArgs copy;
  const int32_t* permuteIndicesPerToken;  // [topK, tokens]
  const float* expertScalesFloat;         // [tokens, topK], what rows are multiplied by, if the kernel does that
  RouteArgs score;                        // whose choices get softmaxes on the way; of no rows if none do
  uint32_t tokens;
  uint32_t topK;
};

struct RouteTileArgs {
  RouteArgs route;
  TileArgs tile;
};

struct MapAndMoveArgs {
  MapArgs map;
  CopyArgs copy;
  ScoreArgs score;
};

/** The whole dispatch of a few tokens in one kernel. */
struct DecodeArgs {
  RouteArgs route;
  CopyArgs copy;
  int64_t* tokenNumsPerExpert;      // [experts]
  int32_t* expertOffsets;           // [experts + 1]
  int32_t* permuteIndicesPerToken;  // [topK, tokens]
  uint32_t experts;
  uint32_t tokens;
  uint32_t topK;
};

/** A warp holds a pair in each lane. */
constexpr uint32_t kMaxDecodePairs = 32;
constexpr uint32_t kDecodeWarps = 4;

/** Steps of a row that a warp has in flight if a token has few choices. */
constexpr uint32_t kFewSteps = 4;

struct ReduceArgs {
  const void* ffnOut;                     // [topK · tokens, hidden]
  const float* expertScalesFloat;         // [tokens, topK]
  const int32_t* permuteIndicesPerToken;  // [topK, tokens]
  const int32_t* topKIndices;             // [tokens, topK]; read only with a bias or x
  const void* ffn2Bias;                   // [experts, hidden], or null
  const void* x;                          // [tokens, hidden], what identity experts return; read only by kernels that add it
  void* output;                           // [tokens, hidden]
  uint64_t hidden;
  float factor;
  uint32_t normalise;
  uint32_t weighed;  // the rows are, so scales count as 1
  uint32_t tokens;
  uint32_t topK;
  uint32_t experts;
  uint32_t parts;        // units a token's row is cut into
  uint32_t partVectors;  // of each but the last
};

}  // namespace moe
