// Generated from core's table of operations by scripts/contract.mjs: do not edit.
#pragma once
#include "block.h"

namespace moe {

enum class Operation : uint32_t { kMoeDispatch, kRouteTokens, kPlanDispatch, kPermuteRows, kMoeReduce };
constexpr uint32_t kOperations = 5;

enum class DType : uint32_t { kFloat32, kFloat16, kBfloat16, kInt32, kInt64, kInt8, kUint8, kFloat8E4m3fn, kFloat8E5m2 };
constexpr uint32_t kDTypes = 9;

enum class GatingDtype : uint32_t { kFloat32, kFloat16, kBfloat16 };
constexpr uint32_t kGatingDtypes = 3;

enum class ScoringFunc : uint32_t { kSoftmax, kSigmoid, kSqrtsoftplus, kNone };
constexpr uint32_t kScoringFuncs = 4;

enum class Selection : uint32_t { kTopk, kOnePerGroup, kSparsemixer, kGiven };
constexpr uint32_t kSelections = 4;

enum class GroupScoreFunc : uint32_t { kMax, kTop2Sum };
constexpr uint32_t kGroupScoreFuncs = 2;

enum class ZeroExpertKind : uint32_t { kIdentity, kSkip };
constexpr uint32_t kZeroExpertKinds = 2;

enum class DropPolicy : uint32_t { kPosition, kProbs };
constexpr uint32_t kDropPolicys = 2;

constexpr const char* kDTypeNames[] = {"float32", "float16", "bfloat16", "int32", "int64", "int8", "uint8", "float8_e4m3fn", "float8_e5m2"};
constexpr uint32_t kDTypeBytes[] = {4, 2, 2, 4, 8, 1, 1, 1, 1};

/** What both sides mean: CONTRACT in src/argument-block.ts. */
constexpr const char* kContract =
    "operation: moeDispatch routeTokens planDispatch permuteRows moeReduce; "
    "tokens; "
    "hidden; "
    "numExperts; "
    "topK; "
    "zeroExperts; "
    "sharedExperts; "
    "dtype: float32 float16 bfloat16 int32 int64 int8 uint8 float8_e4m3fn float8_e5m2; "
    "gatingDtype: float32 float16 bfloat16; "
    "scoringFunc: softmax sigmoid sqrtsoftplus none; "
    "selection: topk one_per_group sparsemixer given; "
    "nGroup; "
    "topkGroup; "
    "groupScoreFunc: max top2_sum; "
    "normTopkProb; "
    "normEps; "
    "routedScalingFactor; "
    "zeroExpertKind: identity skip; "
    "applyRouterWeightOnInput; "
    "jitterEps; "
    "expertCapacity; "
    "dropPolicy: position probs; "
    "normBeforeDrop; "
    "x; "
    "gatingOutput; "
    "permuteInput; "
    "tokenNumsPerExpert; "
    "expertOffsets; "
    "permuteIndicesPerToken; "
    "expertScalesFloat; "
    "topKIndices; "
    "ffnOut; "
    "ffn2Bias; "
    "output; "
    "eScoreCorrectionBias; "
    "perExpertScale; "
    "globalScale; "
    "sharedLogits; "
    "expertIds; "
    "tokenMask";
constexpr size_t kBlockLength = 40;

/**
 * What an operation can be prepared for: sizes, dtypes, attributes and which tensors it is given by name. 0 if the operation
 * has no such thing.
 */
struct Spec {
  uint32_t tokens;
  uint64_t hidden;
  uint32_t numExperts;
  uint32_t topK;
  uint32_t zeroExperts;
  uint32_t sharedExperts;
  DType dtype;
  GatingDtype gatingDtype;
  ScoringFunc scoringFunc;
  Selection selection;
  uint32_t nGroup;
  uint32_t topkGroup;
  GroupScoreFunc groupScoreFunc;
  bool normTopkProb;
  float normEps;
  float routedScalingFactor;
  ZeroExpertKind zeroExpertKind;
  bool applyRouterWeightOnInput;
  float jitterEps;
  uint32_t expertCapacity;
  DropPolicy dropPolicy;
  bool normBeforeDrop;
  bool hasX;
  bool hasExpertScalesFloat;
  bool hasEScoreCorrectionBias;
  bool hasPerExpertScale;
  bool hasGlobalScale;
  bool hasSharedLogits;
  bool hasExpertIds;
  bool hasTokenMask;
};

/** Addresses on the device, by the names of the table. 0 if the operation or the call has no such tensor. */
struct Tensors {
  uint64_t x;
  uint64_t gatingOutput;
  uint64_t permuteInput;
  uint64_t tokenNumsPerExpert;
  uint64_t expertOffsets;
  uint64_t permuteIndicesPerToken;
  uint64_t expertScalesFloat;
  uint64_t topKIndices;
  uint64_t ffnOut;
  uint64_t ffn2Bias;
  uint64_t output;
  uint64_t eScoreCorrectionBias;
  uint64_t perExpertScale;
  uint64_t globalScale;
  uint64_t sharedLogits;
  uint64_t expertIds;
  uint64_t tokenMask;
};

inline Operation read_operation(const ArgumentBlock& block) {
  return block.member<Operation>(0, "operation", kOperations);
}

/** Throws ArgumentError, which names the field. */
inline Spec read_spec(const ArgumentBlock& block, Operation operation) {
  Spec spec = {};
  spec.tokens = block.count(1, "tokens");
  spec.hidden = block.length(2, "hidden");
  spec.numExperts = block.count(3, "numExperts");
  spec.topK = block.count(4, "topK");
  spec.zeroExperts = block.count(5, "zeroExperts");
  spec.sharedExperts = block.count(6, "sharedExperts");
  spec.dtype = block.member<DType>(7, "dtype", kDTypes);
  spec.gatingDtype = block.member<GatingDtype>(8, "gatingDtype", kGatingDtypes);
  switch (operation) {
    case Operation::kMoeDispatch:
      spec.scoringFunc = block.member<ScoringFunc>(9, "scoringFunc", kScoringFuncs);
      spec.selection = block.member<Selection>(10, "selection", kSelections);
      spec.nGroup = block.count(11, "nGroup");
      spec.topkGroup = block.count(12, "topkGroup");
      spec.groupScoreFunc = block.member<GroupScoreFunc>(13, "groupScoreFunc", kGroupScoreFuncs);
      spec.normTopkProb = block.flag(14, "normTopkProb");
      spec.normEps = block.number(15, "normEps");
      spec.routedScalingFactor = block.number(16, "routedScalingFactor");
      spec.zeroExpertKind = block.member<ZeroExpertKind>(17, "zeroExpertKind", kZeroExpertKinds);
      spec.applyRouterWeightOnInput = block.flag(18, "applyRouterWeightOnInput");
      spec.jitterEps = block.number(19, "jitterEps");
      spec.expertCapacity = block.count(20, "expertCapacity");
      spec.dropPolicy = block.member<DropPolicy>(21, "dropPolicy", kDropPolicys);
      spec.normBeforeDrop = block.flag(22, "normBeforeDrop");
      spec.hasEScoreCorrectionBias = block.present(34, "eScoreCorrectionBias");
      spec.hasPerExpertScale = block.present(35, "perExpertScale");
      spec.hasGlobalScale = block.present(36, "globalScale");
      spec.hasSharedLogits = block.present(37, "sharedLogits");
      spec.hasExpertIds = block.present(38, "expertIds");
      spec.hasTokenMask = block.present(39, "tokenMask");
      break;
    case Operation::kRouteTokens:
      spec.scoringFunc = block.member<ScoringFunc>(9, "scoringFunc", kScoringFuncs);
      spec.selection = block.member<Selection>(10, "selection", kSelections);
      spec.nGroup = block.count(11, "nGroup");
      spec.topkGroup = block.count(12, "topkGroup");
      spec.groupScoreFunc = block.member<GroupScoreFunc>(13, "groupScoreFunc", kGroupScoreFuncs);
      spec.normTopkProb = block.flag(14, "normTopkProb");
      spec.normEps = block.number(15, "normEps");
      spec.routedScalingFactor = block.number(16, "routedScalingFactor");
      spec.zeroExpertKind = block.member<ZeroExpertKind>(17, "zeroExpertKind", kZeroExpertKinds);
      spec.applyRouterWeightOnInput = block.flag(18, "applyRouterWeightOnInput");
      spec.jitterEps = block.number(19, "jitterEps");
      spec.expertCapacity = block.count(20, "expertCapacity");
      spec.dropPolicy = block.member<DropPolicy>(21, "dropPolicy", kDropPolicys);
      spec.normBeforeDrop = block.flag(22, "normBeforeDrop");
      spec.hasEScoreCorrectionBias = block.present(34, "eScoreCorrectionBias");
      spec.hasPerExpertScale = block.present(35, "perExpertScale");
      spec.hasGlobalScale = block.present(36, "globalScale");
      spec.hasSharedLogits = block.present(37, "sharedLogits");
      spec.hasExpertIds = block.present(38, "expertIds");
      spec.hasTokenMask = block.present(39, "tokenMask");
      break;
    case Operation::kPlanDispatch:
      break;
    case Operation::kPermuteRows:
      spec.applyRouterWeightOnInput = block.flag(18, "applyRouterWeightOnInput");
      spec.hasExpertScalesFloat = block.present(29, "expertScalesFloat");
      break;
    case Operation::kMoeReduce:
      spec.normTopkProb = block.flag(14, "normTopkProb");
      spec.routedScalingFactor = block.number(16, "routedScalingFactor");
      spec.applyRouterWeightOnInput = block.flag(18, "applyRouterWeightOnInput");
      spec.hasX = block.present(23, "x");
      break;
  }
  return spec;
}

/** Throws ArgumentError, which names the field. */
inline Tensors read_tensors(const ArgumentBlock& block, Operation operation) {
  Tensors at = {};
  switch (operation) {
    case Operation::kMoeDispatch:
      at.x = block.address(23, "x");
      at.gatingOutput = block.address(24, "gatingOutput");
      at.permuteInput = block.address(25, "permuteInput");
      at.tokenNumsPerExpert = block.address(26, "tokenNumsPerExpert");
      at.expertOffsets = block.address(27, "expertOffsets");
      at.permuteIndicesPerToken = block.address(28, "permuteIndicesPerToken");
      at.expertScalesFloat = block.address(29, "expertScalesFloat");
      at.topKIndices = block.address(30, "topKIndices");
      at.eScoreCorrectionBias = block.address(34, "eScoreCorrectionBias");
      at.perExpertScale = block.address(35, "perExpertScale");
      at.globalScale = block.address(36, "globalScale");
      at.sharedLogits = block.address(37, "sharedLogits");
      at.expertIds = block.address(38, "expertIds");
      at.tokenMask = block.address(39, "tokenMask");
      break;
    case Operation::kRouteTokens:
      at.gatingOutput = block.address(24, "gatingOutput");
      at.expertScalesFloat = block.address(29, "expertScalesFloat");
      at.topKIndices = block.address(30, "topKIndices");
      at.eScoreCorrectionBias = block.address(34, "eScoreCorrectionBias");
      at.perExpertScale = block.address(35, "perExpertScale");
      at.globalScale = block.address(36, "globalScale");
      at.sharedLogits = block.address(37, "sharedLogits");
      at.expertIds = block.address(38, "expertIds");
      at.tokenMask = block.address(39, "tokenMask");
      break;
    case Operation::kPlanDispatch:
      at.tokenNumsPerExpert = block.address(26, "tokenNumsPerExpert");
      at.expertOffsets = block.address(27, "expertOffsets");
      at.permuteIndicesPerToken = block.address(28, "permuteIndicesPerToken");
      at.topKIndices = block.address(30, "topKIndices");
      break;
    case Operation::kPermuteRows:
      at.x = block.address(23, "x");
      at.permuteInput = block.address(25, "permuteInput");
      at.permuteIndicesPerToken = block.address(28, "permuteIndicesPerToken");
      at.expertScalesFloat = block.address(29, "expertScalesFloat");
      break;
    case Operation::kMoeReduce:
      at.x = block.address(23, "x");
      at.permuteIndicesPerToken = block.address(28, "permuteIndicesPerToken");
      at.expertScalesFloat = block.address(29, "expertScalesFloat");
      at.topKIndices = block.address(30, "topKIndices");
      at.ffnOut = block.address(31, "ffnOut");
      at.ffn2Bias = block.address(32, "ffn2Bias");
      at.output = block.address(33, "output");
      break;
  }
  return at;
}

/** The bits of all addresses of the operation's rows: what they are aligned to. */
inline uint64_t row_address_bits(const Tensors& at, Operation operation) {
  switch (operation) {
    case Operation::kMoeDispatch: return at.x | at.permuteInput;
    case Operation::kRouteTokens: return 0;
    case Operation::kPlanDispatch: return 0;
    case Operation::kPermuteRows: return at.x | at.permuteInput;
    case Operation::kMoeReduce: return at.x | at.ffnOut | at.ffn2Bias | at.output;
  }
  return 0;
}

}  // namespace moe
