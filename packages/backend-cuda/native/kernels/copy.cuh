// Copying rows: each is read once and written to its K rows of permuteInput.
#pragma once
#include "elements.cuh"

namespace moe {

/** Tokens' rows are cut into units; consecutive units are consecutive memory. */
struct Unit {
  uint32_t token;
  uint32_t part;
  uint64_t offset;  // into the row, in bytes
  uint32_t bytes;

  __device__ Unit(const CopyArgs& a, uint32_t firstToken, uint32_t index) {
    token = firstToken + (a.parts == 1 ? index : index / a.parts);
    part = a.parts == 1 ? 0 : index % a.parts;
    offset = static_cast<uint64_t>(part) * a.partBytes;
    bytes = static_cast<uint32_t>(min(static_cast<uint64_t>(a.partBytes), a.rowBytes - offset));
  }
};

template <class Vector>
__device__ __forceinline__ Vector load_once(const char* address) {
  return __ldcs(reinterpret_cast<const Vector*>(address));
}

template <class Vector>
__device__ __forceinline__ void store_once(char* address, Vector value) {
  __stcs(reinterpret_cast<Vector*>(address), value);
}

/** Rows that are moved as they are. */
struct AsTheyAre {
  static constexpr bool kWeighs = false;
};

/** Rows that are multiplied by the weights of their choices, COUNT elements a vector. */
template <class Float, int COUNT>
struct Weighed {
  static constexpr bool kWeighs = true;
  using Pack = Elements<Float, COUNT>;
  const float* weights;  // [tokens, topK]

  __device__ __forceinline__ typename Pack::Raw operator()(typename Pack::Raw raw, float weight) const {
    Pack pack;
    pack.raw = raw;
#pragma unroll
    for (int i = 0; i < COUNT; i++) pack.values[i] = narrow<Float>(__fmul_rn(weight, widen(pack.values[i])));
    return pack.raw;
  }
};

/**
 * Copies the units first, first + stride, … below `units`, one at a time for each warp, in registers. Loads can begin
 * before the target rows are known: `load_first`, then `run`.
 */
template <class Vector, class Weighing = AsTheyAre>
class RowCopy {
 public:
  __device__ RowCopy(const CopyArgs& args, uint32_t firstToken, uint32_t topK, uint32_t first, uint32_t units,
                     uint32_t stride, const Weighing& weighing = {})
      : a(args), firstToken(firstToken), topK(topK), weighing(weighing), index(first), units(units), stride(stride),
        unit(args, firstToken, first < units ? first : 0) {}

  __device__ __forceinline__ void load_first() {
    if (index < units) load();
  }

  /** `fetch(token, k)` loads what `locate(fetched, token, k, part)` makes the row of a choice from, for the first unit. */
  template <class Fetch>
  __device__ __forceinline__ void fetch_first(const Fetch& fetch) {
    if (index < units && lane_id() < topK) fetched = fetch(unit.token, lane_id());
  }

  template <class Fetch, class Locate>
  __device__ __forceinline__ void run(const Fetch& fetch, const Locate& locate) {
    while (index < units) {
      for (uint32_t firstK = 0; firstK < topK; firstK += 32) {
        const uint32_t k = firstK + lane_id();
        if (firstK != 0 && k < topK) fetched = fetch(unit.token, k);
        float weight = 0.0f;
        if constexpr (Weighing::kWeighs) {
          if (k < topK) weight = weighing.weights[static_cast<uint64_t>(unit.token) * topK + k];
        }
        store(min(topK - firstK, 32u), k < topK ? locate(fetched, unit.token, k, unit.part) : kNoRow, weight);
      }
      index += stride;
      if (index >= units) break;
      unit = Unit(a, firstToken, index);
      load_first();
      fetch_first(fetch);
    }
  }

 private:
  const CopyArgs& a;
  const uint32_t firstToken, topK;
  const Weighing weighing;
  uint32_t index;
  const uint32_t units, stride;
  Unit unit;
  Vector values[kCopyDepth];
  uint32_t fetched = 0;

  static __device__ __forceinline__ uint32_t offset_of(int i) { return (i * 32 + lane_id()) * sizeof(Vector); }

  __device__ __forceinline__ void load() {
    const char* source = a.x + unit.token * a.rowBytes + unit.offset;
#pragma unroll
    for (int i = 0; i < kCopyDepth; i++) {
      if (offset_of(i) < unit.bytes) values[i] = load_once<Vector>(source + offset_of(i));
    }
  }

  /** To `count` rows, of which each lane has one, and its weight. */
  __device__ __forceinline__ void store(uint32_t count, uint32_t mine, float mineWeight) const {
    for (uint32_t k = 0; k < count; k++) {
      const uint32_t row = __shfl_sync(kFullMask, mine, k);
      float weight = 0.0f;
      if constexpr (Weighing::kWeighs) weight = __shfl_sync(kFullMask, mineWeight, k);
      if (row == kNoRow) continue;
      char* target = a.permuteInput + row * a.rowBytes + unit.offset;
#pragma unroll
      for (int i = 0; i < kCopyDepth; i++) {
        if (offset_of(i) >= unit.bytes) continue;
        Vector value = values[i];
        if constexpr (Weighing::kWeighs) value = weighing(value, weight);
        store_once<Vector>(target + offset_of(i), value);
      }
    }
  }
};

}  // namespace moe
