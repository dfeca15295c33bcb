// Generated from core's table of operations by scripts/contract.mjs: do not edit.
#pragma once
#include "block.h"

namespace moe {

enum class Operation : uint32_t { kMoeDispatch, kRouteTokens, kPlanDispatch, kPermuteRows, kMoeReduce };
constexpr uint32_t kOperations = 5;

enum class DType : uint32_t { kFloat32, kFloat16, kBfloat16, kInt32, kInt64, kInt8, kUint8, kFloat8E4m3fn, kFloat8E5m2 };
constexpr uint32_t kDTypes = 9;

enum class Router : uint32_t { kSoftmax, kGroup, kTopkOnly };
constexpr uint32_t kRouters = 3;

constexpr const char* kDTypeNames[] = {"float32", "float16", "bfloat16", "int32", "int64", "int8", "uint8", "float8_e4m3fn", "float8_e5m2"};
constexpr uint32_t kDTypeBytes[] = {4, 2, 2, 4, 8, 1, 1, 1, 1};

/** What both sides mean: CONTRACT in src/argument-block.ts. */
constexpr const char* kContract =
    "operation: moeDispatch routeTokens planDispatch permuteRows moeReduce; "
    "tokens; "
    "hidden; "
    "numExperts; "
    "topK; "
    "dtype: float32 float16 bfloat16 int32 int64 int8 uint8 float8_e4m3fn float8_e5m2; "
    "router: softmax group topk-only; "
    "normTopkProb; "
    "routedScalingFactor; "
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
    "output";
constexpr size_t kBlockLength = 20;

/** What an operation can be prepared for: sizes, dtype and attributes. 0 if the operation has no such thing. */
struct Spec {
  uint32_t tokens;
  uint64_t hidden;
  uint32_t numExperts;
  uint32_t topK;
  DType dtype;
  Router router;
  bool normTopkProb;
  float routedScalingFactor;
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
  spec.dtype = block.member<DType>(5, "dtype", kDTypes);
  switch (operation) {
    case Operation::kMoeDispatch:
      spec.router = block.member<Router>(6, "router", kRouters);
      break;
    case Operation::kRouteTokens:
      spec.router = block.member<Router>(6, "router", kRouters);
      break;
    case Operation::kPlanDispatch:
      break;
    case Operation::kPermuteRows:
      break;
    case Operation::kMoeReduce:
      spec.normTopkProb = block.flag(7, "normTopkProb");
      spec.routedScalingFactor = block.number(8, "routedScalingFactor");
      break;
  }
  return spec;
}

/** Throws ArgumentError, which names the field. */
inline Tensors read_tensors(const ArgumentBlock& block, Operation operation) {
  Tensors at = {};
  switch (operation) {
    case Operation::kMoeDispatch:
      at.x = block.address(9, "x");
      at.gatingOutput = block.address(10, "gatingOutput");
      at.permuteInput = block.address(11, "permuteInput");
      at.tokenNumsPerExpert = block.address(12, "tokenNumsPerExpert");
      at.expertOffsets = block.address(13, "expertOffsets");
      at.permuteIndicesPerToken = block.address(14, "permuteIndicesPerToken");
      at.expertScalesFloat = block.address(15, "expertScalesFloat");
      at.topKIndices = block.address(16, "topKIndices");
      break;
    case Operation::kRouteTokens:
      at.gatingOutput = block.address(10, "gatingOutput");
      at.expertScalesFloat = block.address(15, "expertScalesFloat");
      at.topKIndices = block.address(16, "topKIndices");
      break;
    case Operation::kPlanDispatch:
      at.tokenNumsPerExpert = block.address(12, "tokenNumsPerExpert");
      at.expertOffsets = block.address(13, "expertOffsets");
      at.permuteIndicesPerToken = block.address(14, "permuteIndicesPerToken");
      at.topKIndices = block.address(16, "topKIndices");
      break;
    case Operation::kPermuteRows:
      at.x = block.address(9, "x");
      at.permuteInput = block.address(11, "permuteInput");
      at.permuteIndicesPerToken = block.address(14, "permuteIndicesPerToken");
      break;
    case Operation::kMoeReduce:
      at.permuteIndicesPerToken = block.address(14, "permuteIndicesPerToken");
      at.expertScalesFloat = block.address(15, "expertScalesFloat");
      at.topKIndices = block.address(16, "topKIndices");
      at.ffnOut = block.address(17, "ffnOut");
      at.ffn2Bias = block.address(18, "ffn2Bias");
      at.output = block.address(19, "output");
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
    case Operation::kMoeReduce: return at.ffnOut | at.ffn2Bias | at.output;
  }
  return 0;
}

}  // namespace moe
