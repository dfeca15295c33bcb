// The weighted sum of each token's rows: a gather, summed in the order of the choices. Every operation is rounded to float32
// by itself, so the arithmetic is written with intrinsics, which the compiler does not fuse; the result is rounded once more,
// to the dtype.
#pragma once
#include "elements.cuh"

namespace moe {

/** What a kernel adds to the rows of ffnOut: nothing, a bias, or what is there of a bias and the rows of identity experts. */
enum class Extra { kNone, kBias, kAny };

/** The choice is of an identity expert: its row is the token's own, of x. More than the rows of ffnOut. */
constexpr uint32_t kOwnRow = kNoRow - 1;

/** A choice of a token, as its lane holds it. */
struct Choice {
  uint32_t row;     // of ffnOut; kOwnRow; kNoRow if it adds nothing
  uint32_t expert;  // of ffn2Bias
  float weight;
};

/** `norm`: what sum_scales gives. */
__device__ __forceinline__ float reduce_weight(const ReduceArgs& a, float scale, float norm) {
  if (a.normalise) scale = norm == 0.0f ? 0.0f : __fdiv_rn(scale, norm);
  return __fmul_rn(scale, a.factor);
}

template <Extra EXTRA>
__device__ __forceinline__ Choice load_choice(const ReduceArgs& a, uint32_t token, uint32_t k, float norm) {
  Choice choice = {kNoRow, 0, 0.0f};
  if (k >= a.topK) return choice;
  const uint64_t pair = static_cast<uint64_t>(token) * a.topK + k;
  const uint32_t row = static_cast<uint32_t>(a.permuteIndicesPerToken[static_cast<uint64_t>(k) * a.tokens + token]);
  const float scale = a.weighed ? 1.0f : a.expertScalesFloat[pair];
  if (EXTRA != Extra::kNone) choice.expert = static_cast<uint32_t>(a.topKIndices[pair]);
  choice.weight = reduce_weight(a, scale, norm);
  if (EXTRA == Extra::kAny && row == kNoRow && a.x != nullptr) {
    if (static_cast<int32_t>(choice.expert) >= 0) choice.row = kOwnRow;
    return choice;
  }
  const bool hasBias = EXTRA == Extra::kBias || (EXTRA == Extra::kAny && a.ffn2Bias != nullptr);
  if (row >= a.tokens * a.topK || (hasBias && choice.expert >= a.experts)) return choice;
  choice.row = row;
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
template <class Float, int COUNT, Extra EXTRA, int BATCH>
__device__ __forceinline__ void add_batch(const ReduceArgs& a, const Choice& mine, uint32_t first, uint32_t token,
                                          uint64_t element, float (&sums)[COUNT]) {
  using Pack = Elements<Float, COUNT>;
  using Raw = typename Pack::Raw;
  const Float* const ffn = static_cast<const Float*>(a.ffnOut);
  const Float* const bias = static_cast<const Float*>(a.ffn2Bias);
  Pack rows[BATCH];
  Pack biases[BATCH];
  bool biased[BATCH];
#pragma unroll
  for (int b = 0; b < BATCH; b++) {
    const uint32_t row = __shfl_sync(kFullMask, mine.row, first + b);
    const Float* source = ffn + row * a.hidden;
    biased[b] = EXTRA == Extra::kBias;
    if (EXTRA == Extra::kAny) {
      biased[b] = bias != nullptr && row != kOwnRow;
      if (row == kOwnRow) source = static_cast<const Float*>(a.x) + token * a.hidden;
    }
    rows[b].raw = __ldcs(reinterpret_cast<const Raw*>(source + element));
    if (!biased[b]) continue;
    const uint32_t expert = __shfl_sync(kFullMask, mine.expert, first + b);
    biases[b].raw = *reinterpret_cast<const Raw*>(bias + expert * a.hidden + element);
  }
#pragma unroll
  for (int b = 0; b < BATCH; b++) {
    const float weight = __shfl_sync(kFullMask, mine.weight, first + b);
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      float value = widen(rows[b].values[i]);
      if (biased[b]) value = __fadd_rn(value, widen(biases[b].values[i]));
      sums[i] = __fadd_rn(sums[i], __fmul_rn(weight, value));
    }
  }
}

/**
 * Adds the choices that the warp's lanes hold, in order. The whole warp knows what is there, so no lane branches by itself, and
 * loads and sums stand in one piece.
 */
template <class Float, int COUNT, Extra EXTRA, int BATCH>
__device__ __forceinline__ void add_choices(const ReduceArgs& a, const Choice& mine, uint32_t token, uint64_t element,
                                            float (&sums)[COUNT]) {
  const uint32_t live = __ballot_sync(kFullMask, mine.row != kNoRow);
  for (uint32_t first = 0; first < 32 && live >> first != 0;) {
    const uint32_t next = live >> first;
    if (BATCH >= 4 && (next & 15u) == 15u) {
      add_batch<Float, COUNT, EXTRA, BATCH>(a, mine, first, token, element, sums);
      first += 4;
    } else if ((next & 3u) == 3u) {
      add_batch<Float, COUNT, EXTRA, 2>(a, mine, first, token, element, sums);
      first += 2;
    } else {
      if (next & 1u) add_batch<Float, COUNT, EXTRA, 1>(a, mine, first, token, element, sums);
      first += 1;
    }
  }
}

/** Each unit of work of the warp: a token, and the first and the end of the elements of its row. */
template <int COUNT, class Reduce>
__device__ __forceinline__ void each_unit(const ReduceArgs& a, const Reduce& reduce) {
  grid_wait();
  grid_trigger();
  const uint64_t units = static_cast<uint64_t>(a.tokens) * a.parts;
  const uint64_t stride = static_cast<uint64_t>(gridDim.x) * warps_in_block();
  for (uint64_t unit = static_cast<uint64_t>(blockIdx.x) * warps_in_block() + warp_id(); unit < units; unit += stride) {
    const uint32_t token = static_cast<uint32_t>(unit / a.parts);
    const uint64_t begin = (unit - static_cast<uint64_t>(token) * a.parts) * a.partVectors * COUNT;
    reduce(token, begin, min(begin + static_cast<uint64_t>(a.partVectors) * COUNT, a.hidden));
  }
}

template <class Float, int COUNT>
__device__ __forceinline__ void store_sums(const ReduceArgs& a, uint32_t token, uint64_t element,
                                           const float (&sums)[COUNT]) {
  Elements<Float, COUNT> pack;
#pragma unroll
  for (int i = 0; i < COUNT; i++) pack.values[i] = narrow<Float>(sums[i]);
  Float* const target = static_cast<Float*>(a.output) + token * a.hidden + element;
  __stcs(reinterpret_cast<typename Elements<Float, COUNT>::Raw*>(target), pack.raw);
}

template <class Float, int COUNT, Extra EXTRA, int BATCH>
__device__ __forceinline__ void reduce_rows(const ReduceArgs& a) {
  each_unit<COUNT>(a, [&](uint32_t token, uint64_t begin, uint64_t end) {
    const float norm = a.normalise ? sum_scales(a, token) : 1.0f;
    Choice mine = load_choice<EXTRA>(a, token, lane_id(), norm);
    for (uint64_t step = begin; step < end; step += 32 * COUNT) {
      const uint64_t element = step + lane_id() * COUNT;
      float sums[COUNT] = {};
      for (uint32_t first = 0; first < a.topK; first += 32) {
        if (a.topK > 32) mine = load_choice<EXTRA>(a, token, first + lane_id(), norm);
        add_choices<Float, COUNT, EXTRA, BATCH>(a, mine, token, min(element, end - COUNT), sums);
      }
      if (element < end) store_sums<Float, COUNT>(a, token, element, sums);
    }
  });
}

/** The same for TOPK choices and units of up to kFewSteps steps: the loads of all are in flight together. */
template <class Float, int COUNT, int TOPK>
__device__ __forceinline__ void reduce_few(const ReduceArgs& a) {
  using Pack = Elements<Float, COUNT>;
  each_unit<COUNT>(a, [&](uint32_t token, uint64_t begin, uint64_t end) {
    const float norm = a.normalise ? sum_scales(a, token) : 1.0f;
    const Choice mine = load_choice<Extra::kNone>(a, token, lane_id(), norm);
    const uint64_t first = begin + lane_id() * COUNT;
    Choice choices[TOPK];
    Pack packs[kFewSteps][TOPK];
#pragma unroll
    for (int k = 0; k < TOPK; k++) {
      choices[k].row = __shfl_sync(kFullMask, mine.row, k);
      choices[k].weight = __shfl_sync(kFullMask, mine.weight, k);
      if (choices[k].row == kNoRow) continue;
      const Float* const source = static_cast<const Float*>(a.ffnOut) + choices[k].row * a.hidden;
#pragma unroll
      for (uint32_t step = 0; step < kFewSteps; step++) {
        const uint64_t element = min(first + step * 32 * COUNT, end - COUNT);
        packs[step][k].raw = __ldcs(reinterpret_cast<const typename Pack::Raw*>(source + element));
      }
    }
#pragma unroll
    for (uint32_t step = 0; step < kFewSteps; step++) {
      float sums[COUNT] = {};
#pragma unroll
      for (int k = 0; k < TOPK; k++) {
        if (choices[k].row == kNoRow) continue;
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
          sums[i] = __fadd_rn(sums[i], __fmul_rn(choices[k].weight, widen(packs[step][k].values[i])));
        }
      }
      const uint64_t element = first + step * 32 * COUNT;
      if (element < end) store_sums<Float, COUNT>(a, token, element, sums);
    }
  });
}

}  // namespace moe
