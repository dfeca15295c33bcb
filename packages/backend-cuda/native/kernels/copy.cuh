// Copying rows: each is read once and written to its K places.
#pragma once
#include "device.cuh"

namespace moe {

/** No place: the pair's index was out of range. */
constexpr uint32_t kNoRow = 0xFFFFFFFFu;

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

/** One step of a unit: DEPTH vectors a lane, in registers. */
template <class Vector, int DEPTH>
struct Step {
  Vector values[DEPTH];

  __device__ __forceinline__ void load(const CopyArgs& a, const Unit& unit, uint32_t begin) {
    const char* source = a.x + unit.token * a.rowBytes + unit.offset;
#pragma unroll
    for (int i = 0; i < DEPTH; i++) {
      const uint32_t at = begin + (i * 32 + lane_id()) * sizeof(Vector);
      if (at < unit.bytes) values[i] = load_once<Vector>(source + at);
    }
  }

  __device__ __forceinline__ void store(const CopyArgs& a, const Unit& unit, uint32_t begin, uint32_t row) const {
    char* target = a.out + row * a.rowBytes + unit.offset;
#pragma unroll
    for (int i = 0; i < DEPTH; i++) {
      const uint32_t at = begin + (i * 32 + lane_id()) * sizeof(Vector);
      if (at < unit.bytes) store_once<Vector>(target + at, values[i]);
    }
  }

  static constexpr uint32_t kBytes = DEPTH * 32 * sizeof(Vector);
};

/**
 * Copies the units first, first + stride, … below `units`, a unit for each warp at a time. `place(token, k, part)` gives
 * the row of a choice. The first loads are issued before `ready()`, which waits for what `place` needs.
 */
template <class Vector, int DEPTH, class Ready, class Place>
__device__ __forceinline__ void copy_units(const CopyArgs& a, uint32_t firstToken, uint32_t topK, uint32_t first,
                                           uint32_t units, uint32_t stride, const Ready& ready, const Place& place) {
  Step<Vector, DEPTH> step;
  uint32_t index = first;
  const bool any = index < units;
  Unit unit(a, firstToken, any ? index : 0);
  if (any) step.load(a, unit, 0);
  ready();
  if (!any) return;
  for (;;) {
    for (uint32_t firstK = 0; firstK < topK; firstK += 32) {
      const uint32_t count = min(topK - firstK, 32u);
      const uint32_t mine = lane_id() < count ? place(unit.token, firstK + lane_id(), unit.part) : kNoRow;
      // Long rows that go to more than 32 places are read again for every 32.
      if (firstK != 0) step.load(a, unit, 0);
      for (uint32_t begin = 0;;) {
        for (uint32_t k = 0; k < count; k++) {
          const uint32_t row = __shfl_sync(kFullMask, mine, k);
          if (row != kNoRow) step.store(a, unit, begin, row);
        }
        begin += step.kBytes;
        if (begin >= unit.bytes) break;
        step.load(a, unit, begin);
      }
    }
    index += stride;
    if (index >= units) break;
    unit = Unit(a, firstToken, index);
    step.load(a, unit, 0);
  }
}

}  // namespace moe
