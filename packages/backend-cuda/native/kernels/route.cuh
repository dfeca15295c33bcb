// Choosing the experts of a row with a team of lanes, the row's gating values in registers.
#pragma once
#include "device.cuh"

namespace moe {

/** Receives the choices of rows as (pair, expert): stored only. */
struct NoPairs {
  __device__ void operator()(uint32_t, uint32_t) const {}
};

/** Lane `lane` of the team holds values lane · VALUES … of the row; beyond the row, the key 0. */
template <int VALUES>
__device__ __forceinline__ void load_keys(const float* row, uint32_t width, uint32_t lane, uint32_t (&keys)[VALUES]) {
  const uint32_t first = lane * VALUES;
  const bool aligned = (reinterpret_cast<uintptr_t>(row) & 15) == 0;
  if (aligned && first + VALUES <= width) {
#pragma unroll
    for (int j = 0; j < VALUES; j += 4) {
      const uint4 four = *reinterpret_cast<const uint4*>(row + first + j);
      keys[j] = key_of(four.x);
      keys[j + 1] = key_of(four.y);
      keys[j + 2] = key_of(four.z);
      keys[j + 3] = key_of(four.w);
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < VALUES; j++) {
    keys[j] = first + j < width ? key_of(__float_as_uint(row[first + j])) : 0;
  }
}

/**
 * A lane's values in runs of up to 8. Each is sorted, largest first, equal ones in their order, so that taking the next
 * choice of a row touches the runs' heads alone.
 */
template <int VALUES>
struct SortedRuns {
  static constexpr int kRun = VALUES < 8 ? VALUES : 8;
  static constexpr int kRuns = VALUES / kRun;
  uint32_t keys[VALUES];
  uint32_t positions[kRuns];  // in the run: four bits each, the head's lowest

  __device__ __forceinline__ explicit SortedRuns(const uint32_t (&unsorted)[VALUES]) {
#pragma unroll
    for (int j = 0; j < VALUES; j++) keys[j] = unsorted[j];
#pragma unroll
    for (int run = 0; run < kRuns; run++) sort(keys + run * kRun, positions[run]);
  }

  /** By exchanges of neighbours, which keep the order of equals. */
  static __device__ __forceinline__ void sort(uint32_t* run, uint32_t& packed) {
    uint32_t at[kRun];
#pragma unroll
    for (int j = 0; j < kRun; j++) at[j] = j;
#pragma unroll
    for (int phase = 0; phase < kRun; phase++) {
#pragma unroll
      for (int j = phase & 1; j + 1 < kRun; j += 2) {
        const uint32_t a = run[j], b = run[j + 1], atA = at[j], atB = at[j + 1];
        const bool exchange = b > a;
        run[j] = exchange ? b : a;
        run[j + 1] = exchange ? a : b;
        at[j] = exchange ? atB : atA;
        at[j + 1] = exchange ? atA : atB;
      }
    }
    packed = 0;
#pragma unroll
    for (int j = 0; j < kRun; j++) packed |= at[j] << 4 * j;
  }

  __device__ __forceinline__ uint32_t largest() const {
    uint32_t best = keys[0];
#pragma unroll
    for (int run = 1; run < kRuns; run++) best = max(best, keys[run * kRun]);
    return best;
  }

  /** Position of the first of the lane's values that has this key, its largest; taken out if `owns`. */
  __device__ __forceinline__ uint32_t take(uint32_t key, bool owns) {
    uint32_t position = 0;
    bool found = false;
#pragma unroll
    for (int run = 0; run < kRuns; run++) {
      uint32_t* const values = keys + run * kRun;
      const bool here = !found && values[0] == key;
      found = found || here;
      if (here) position = run * kRun + (positions[run] & 15);
      // Selections, no branch: the warp's other lanes wait for this.
      const bool pops = here && owns;
      positions[run] = pops ? positions[run] >> 4 : positions[run];
#pragma unroll
      for (int j = 0; j < kRun; j++) {
        const uint32_t next = j + 1 < kRun ? values[j + 1] : 0;
        values[j] = pops ? next : values[j];
      }
    }
    return position;
  }
};

/** Σ exp(value - maximum) over the lane's values; four partial sums keep the rounding small. */
template <int VALUES>
__device__ __forceinline__ float sum_exp(const uint32_t (&keys)[VALUES], float maximum) {
  float sums[4] = {0, 0, 0, 0};
#pragma unroll
  for (int j = 0; j < VALUES; j++) {
    sums[j & 3] += expf(keys[j] == 0 ? -INFINITY : value_of(keys[j]) - maximum);
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/**
 * Routes one row with LANES lanes, LANES · VALUES ≥ width. All lanes of the warp take part; those of a team whose row
 * is not `active` store nothing, nor does any if `topKIndices` is null. `emit(pair, expert)` is called for each choice.
 */
template <int LANES, int VALUES, class Emit>
__device__ __forceinline__ void route_row(const RouteArgs& a, uint32_t row, bool active, const Emit& emit) {
  const uint32_t lane = lane_id() & (LANES - 1);
  const uint32_t teamMask = LANES == 32 ? kFullMask : ((1u << (LANES & 31)) - 1) << (lane_id() - lane);
  const uint32_t lowerLanes = teamMask & ((1u << lane_id()) - 1);
  const float* values = a.gatingOutput + static_cast<uint64_t>(row) * a.width;
  uint32_t keys[VALUES];
  load_keys(values, active ? a.width : 0, lane, keys);

  SortedRuns<VALUES> runs(keys);
  uint32_t mine = runs.largest();
  uint32_t top = team_max<LANES>(mine);
  const float maximum = value_of(top);
  // Before the choices take values away.
  const float sum = a.scalesAreGating ? 1.0f : team_sum<LANES>(sum_exp(runs.keys, maximum));
  const uint32_t firstExpert = a.groups == 1 ? 0 : row % a.groups * a.width;
  for (uint32_t first = 0; first < a.picks; first += LANES) {
    const uint32_t count = min(a.picks - first, static_cast<uint32_t>(LANES));
    uint32_t keptKey = 0, keptColumn = 0;
#pragma unroll 1
    for (uint32_t slot = 0; slot < count; slot++) {
      // Equal values: the lowest lane, and in it the lowest position, is the lowest expert.
      const uint32_t candidates = __ballot_sync(kFullMask, mine == top);
      const bool owns = mine == top && (candidates & lowerLanes) == 0;
      const uint32_t position = lane * VALUES + runs.take(top, owns);
      // The next maximum is under way while the choice goes to the lane that keeps it.
      mine = runs.largest();
      const uint32_t next = team_max<LANES>(mine);
      const uint32_t column = __shfl_sync(kFullMask, position, __ffs(candidates & teamMask) - 1);
      keptKey = lane == slot ? top : keptKey;
      keptColumn = lane == slot ? column : keptColumn;
      top = next;
    }
    if (!active || lane >= count) continue;
    const uint32_t pair = row * a.picks + first + lane;
    const uint32_t expert = firstExpert + keptColumn;
    emit(pair, expert);
    if (a.topKIndices == nullptr) continue;
    a.topKIndices[pair] = static_cast<int32_t>(expert);
    // The key has lost the sign of -0, so a gating value that is itself the scale is read again.
    a.expertScalesFloat[pair] = a.scalesAreGating ? __uint_as_float(clean_bits(__float_as_uint(values[keptColumn])))
                                       : __fdividef(expf(value_of(keptKey) - maximum), sum);
  }
}

/** A team for each row, grid-stride. */
template <int LANES, int VALUES>
__device__ __forceinline__ void route_all(const RouteArgs& a) {
  constexpr uint32_t kTeams = 32 / LANES;
  grid_wait();
  grid_trigger();
  const uint32_t warp = blockIdx.x * warps_in_block() + warp_id();
  const uint32_t stride = gridDim.x * warps_in_block() * kTeams;
  for (uint32_t first = warp * kTeams; first < a.rows; first += stride) {
    const uint32_t row = first + lane_id() / LANES;
    route_row<LANES, VALUES>(a, row, row < a.rows, NoPairs());
  }
}

}  // namespace moe
