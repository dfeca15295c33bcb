// Scores of gating values, and weights of scores: docs/semantics.md. Every operation is rounded by itself, so it is written
// with an intrinsic, which the compiler does not fuse.
#pragma once
#include "device.cuh"
#include "scores.cuh"

namespace moe {

/** exp(value - largest) */
__device__ __forceinline__ Power exp_below(float largest, float value) {
  return exp_neg(__float_as_uint(__fsub_rn(largest, value)));
}

/** Σ exp(value - largest) over some keys, exact, in units of 2^-31. */
template <int COUNT>
__device__ __forceinline__ uint64_t sum_exp(const uint32_t (&keys)[COUNT], float largest) {
  uint64_t sum = 0;
#pragma unroll
  for (int j = 0; j < COUNT; j++) {
    const Power term = exp_below(largest, value_of(keys[j]));
    sum += keys[j] == 0 ? 0 : shifted_right(term.m, term.n);
  }
  return sum;
}

/** The score function of a row. */
struct Scorer {
  Score kind;
  float largest;  // of a softmax
  uint64_t sum;   // of a softmax

  __device__ __forceinline__ float operator()(float value) const {
    const uint32_t bits = __float_as_uint(value);
    switch (kind) {
      case Score::kSoftmax: {
        const Power term = exp_below(largest, value);
        return __uint_as_float(quotient32(term.m, sum, term.n));
      }
      case Score::kSigmoid: return __uint_as_float(sigmoid(bits));
      case Score::kSqrtsoftplus: return __uint_as_float(sqrtsoftplus(bits));
      case Score::kNone: break;
    }
    return value;
  }
};

/** A call, for what is rare: the functions are long. */
__device__ __noinline__ float called_score(Score kind, float largest, uint64_t sum, float value) {
  return Scorer{kind, largest, sum}(value);
}

__device__ __forceinline__ float called_score(const Scorer& score, float value) {
  return called_score(score.kind, score.largest, score.sum, value);
}

/** Key of what an expert is chosen by. */
__device__ __forceinline__ uint32_t biased_key(float score, float bias) {
  const float clean = __uint_as_float(clean_bits(__float_as_uint(bias)));
  return key_of(__float_as_uint(__fadd_rn(score, clean)));
}

/** Key of a group. `biased`: its keys are of biased scores already. */
__device__ __forceinline__ uint32_t group_key(const RouteArgs& a, const Scorer& score, const Top2& best) {
  if (!a.groupsByTwo) return best.first;
  const bool biased = a.bias != nullptr;
  float sum = value_of(best.first);
  if (!biased) sum = called_score(score, sum);
  if (best.second != 0) {
    const float second = value_of(best.second);
    sum = __fadd_rn(sum, biased ? second : called_score(score, second));
  }
  return ordered(__fadd_rn(sum, 0.0f));
}

/** Σ of a token's weights, `norm`, becomes what they are divided by. */
__device__ __forceinline__ float complete_norm(const WeightArgs& a, uint32_t token, float norm) {
  const Scorer score = {a.score, 0.0f, 0};
  const float* const logits = a.sharedLogits + static_cast<uint64_t>(token) * a.sharedExperts;
  for (uint32_t i = 0; i < a.sharedExperts; i++) {
    norm = __fadd_rn(norm, called_score(score, __uint_as_float(clean_bits(__float_as_uint(logits[i])))));
  }
  return __fadd_rn(norm, a.normEps);
}

/** The weight of a choice from its score. */
__device__ __forceinline__ float weight_of(const WeightArgs& a, float score, float norm, uint32_t expert) {
  float weight = score;
  if (a.normalise) weight = norm == 0.0f ? 0.0f : __fdiv_rn(weight, norm);
  weight = __fmul_rn(weight, a.factor);
  if (a.perExpertScale != nullptr) weight = __fmul_rn(weight, a.perExpertScale[expert]);
  if (a.globalScale != nullptr) weight = __fmul_rn(weight, a.globalScale[0]);
  return weight;
}

/** Whether a choice goes nowhere because its expert is left out. */
__device__ __forceinline__ bool is_skipped(const WeightArgs& a, uint32_t expert) {
  return a.skips && expert >= a.experts;
}

__device__ __forceinline__ bool is_masked(const RouteArgs& a, uint32_t token) {
  return a.tokenMask != nullptr && a.tokenMask[token] == 0;
}

}  // namespace moe
