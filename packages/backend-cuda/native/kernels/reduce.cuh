// The weighted sum of each token's rows: a gather, summed in the order of the choices. Every operation is rounded to float32
// by itself, so the arithmetic is written with intrinsics, which the compiler does not fuse; the result is rounded once more,
// to the dtype.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "copy.cuh"

namespace moe {

__device__ __forceinline__ float widen(float value) { return value; }
__device__ __forceinline__ float widen(__half value) { return __half2float(value); }
__device__ __forceinline__ float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

template <class Float>
__device__ __forceinline__ Float narrow(float value);
template <>
__device__ __forceinline__ float narrow<float>(float value) { return value; }
template <>
__device__ __forceinline__ __half narrow<__half>(float value) { return __float2half_rn(value); }
template <>
__device__ __forceinline__ __nv_bfloat16 narrow<__nv_bfloat16>(float value) { return __float2bfloat16_rn(value); }

template <int BYTES> struct Word;
template <> struct Word<2> { using Type = uint16_t; };
template <> struct Word<4> { using Type = uint32_t; };
template <> struct Word<16> { using Type = uint4; };

/** COUNT neighbouring elements of a row, moved as one word. */
template <class Float, int COUNT>
struct Elements {
  using Raw = typename Word<sizeof(Float) * COUNT>::Type;
  union {
    Raw raw;
    Float values[COUNT];
  };
  __device__ Elements() {}
};

/** A choice of a token, as its lane holds it. */
struct Choice {
  uint32_t row;     // of ffnOut; kNoRow if an index is out of range
  uint32_t expert;  // of ffn2Bias
  float weight;
};

/** `norm`: what sum_scales gives. */
__device__ __forceinline__ float weight_of(const ReduceArgs& a, float scale, float norm) {
  if (a.normalise) scale = norm == 0.0f ? 0.0f : __fdiv_rn(scale, norm);
  return __fmul_rn(scale, a.factor);
}

__device__ __forceinline__ Choice load_choice(const ReduceArgs& a, uint32_t token, uint32_t k, float norm) {
  Choice choice = {kNoRow, 0, 0.0f};
  if (k >= a.topK) return choice;
  const uint64_t pair = static_cast<uint64_t>(token) * a.topK + k;
  const uint32_t row = static_cast<uint32_t>(a.permuteIndicesPerToken[static_cast<uint64_t>(k) * a.tokens + token]);
  const float scale = a.expertScalesFloat[pair];
  if (a.ffn2Bias != nullptr) choice.expert = static_cast<uint32_t>(a.topKIndices[pair]);
  if (row >= a.tokens * a.topK || (a.ffn2Bias != nullptr && choice.expert >= a.experts)) return choice;
  choice.row = row;
  choice.weight = weight_of(a, scale, norm);
  return choice;
}

/** Σ of the token's scales in order of k, the same in every lane. */
__device__ __forceinline__ float sum_scales(const ReduceArgs& a, uint32_t token) {
  const float* const scales = a.expertScalesFloat + static_cast<uint64_t>(token) * a.topK;
  float sum = 0.0f;
  for (uint32_t first = 0; first < a.topK; first += 32) {
    const uint32_t k = first + lane_id();
    const float mine = k < a.topK ? scales[k] : 0.0f;
    const uint32_t count = min(a.topK - first, 32u);
    for (uint32_t lane = 0; lane < count; lane++) sum = __fadd_rn(sum, __shfl_sync(kFullMask, mine, lane));
  }
  return sum;
}

/** Adds BATCH choices, from lane `first` on, to the sums of a word a lane; the loads of their rows are in flight together. */
template <class Float, int COUNT, bool BIAS, int BATCH>
__device__ __forceinline__ void add_batch(const ReduceArgs& a, const Choice& mine, uint32_t first, uint64_t element,
                                          float (&sums)[COUNT]) {
  using Pack = Elements<Float, COUNT>;
  using Raw = typename Pack::Raw;
  const Float* const ffn = static_cast<const Float*>(a.ffnOut);
  const Float* const bias = static_cast<const Float*>(a.ffn2Bias);
  Pack rows[BATCH];
  Pack biases[BATCH];
#pragma unroll
  for (int b = 0; b < BATCH; b++) {
    const uint32_t row = __shfl_sync(kFullMask, mine.row, first + b);
    rows[b].raw = __ldcs(reinterpret_cast<const Raw*>(ffn + row * a.hidden + element));
    if (!BIAS) continue;
    const uint32_t expert = __shfl_sync(kFullMask, mine.expert, first + b);
    biases[b].raw = *reinterpret_cast<const Raw*>(bias + expert * a.hidden + element);
  }
#pragma unroll
  for (int b = 0; b < BATCH; b++) {
    const float weight = __shfl_sync(kFullMask, mine.weight, first + b);
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      float value = widen(rows[b].values[i]);
      if (BIAS) value = __fadd_rn(value, widen(biases[b].values[i]));
      sums[i] = __fadd_rn(sums[i], __fmul_rn(weight, value));
    }
  }
}

/**
 * Adds the choices that the warp's lanes hold, in order. The whole warp knows what is there, so no lane branches by itself, and
 * loads and sums stand in one piece.
 */
template <class Float, int COUNT, bool BIAS, int BATCH>
__device__ __forceinline__ void add_choices(const ReduceArgs& a, const Choice& mine, uint64_t element,
                                            float (&sums)[COUNT]) {
  const uint32_t live = __ballot_sync(kFullMask, mine.row != kNoRow);
  for (uint32_t first = 0; first < 32 && live >> first != 0;) {
    const uint32_t next = live >> first;
    if (BATCH >= 4 && (next & 15u) == 15u) {
      add_batch<Float, COUNT, BIAS, BATCH>(a, mine, first, element, sums);
      first += 4;
    } else if ((next & 3u) == 3u) {
      add_batch<Float, COUNT, BIAS, 2>(a, mine, first, element, sums);
      first += 2;
    } else {
      if (next & 1u) add_batch<Float, COUNT, BIAS, 1>(a, mine, first, element, sums);
      first += 1;
    }
  }
}

template <class Float, int COUNT, bool BIAS, int BATCH>
__device__ __forceinline__ void reduce_rows(const ReduceArgs& a) {
  using Pack = Elements<Float, COUNT>;
  grid_wait();
  grid_trigger();
  const uint64_t units = static_cast<uint64_t>(a.tokens) * a.parts;
  const uint64_t stride = static_cast<uint64_t>(gridDim.x) * warps_in_block();
  for (uint64_t unit = static_cast<uint64_t>(blockIdx.x) * warps_in_block() + warp_id(); unit < units; unit += stride) {
    const uint32_t token = static_cast<uint32_t>(unit / a.parts);
    const uint64_t begin = (unit - static_cast<uint64_t>(token) * a.parts) * a.partVectors * COUNT;
    const uint64_t end = min(begin + static_cast<uint64_t>(a.partVectors) * COUNT, a.hidden);
    const float norm = a.normalise ? sum_scales(a, token) : 1.0f;
    Choice mine = load_choice(a, token, lane_id(), norm);
    for (uint64_t step = begin; step < end; step += 32 * COUNT) {
      const uint64_t element = step + lane_id() * COUNT;
      float sums[COUNT] = {};
      for (uint32_t first = 0; first < a.topK; first += 32) {
        if (a.topK > 32) mine = load_choice(a, token, first + lane_id(), norm);
        add_choices<Float, COUNT, BIAS, BATCH>(a, mine, min(element, end - COUNT), sums);
      }
      if (element >= end) continue;
      Pack pack;
#pragma unroll
      for (int i = 0; i < COUNT; i++) pack.values[i] = narrow<Float>(sums[i]);
      __stcs(reinterpret_cast<typename Pack::Raw*>(static_cast<Float*>(a.output) + token * a.hidden + element), pack.raw);
    }
  }
}

}  // namespace moe
