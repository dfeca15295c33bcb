// Taking the best values of a row, which a team of lanes holds in registers.
#pragma once
#include "device.cuh"

namespace moe {

/** LANES neighbouring lanes, as one of them sees them. */
template <int LANES>
struct Team {
  uint32_t lane;
  uint32_t mask;
  uint32_t lowerLanes;

  __device__ __forceinline__ Team() {
    lane = lane_id() & (LANES - 1);
    mask = LANES == 32 ? kFullMask : ((1u << (LANES & 31)) - 1) << (lane_id() - lane);
    lowerLanes = mask & ((1u << lane_id()) - 1);
  }

  __device__ __forceinline__ uint32_t first() const { return lane_id() - lane; }
};

/** The two largest of some keys. */
struct Top2 {
  uint32_t first, second;
};

__device__ __forceinline__ Top2 larger_two(const Top2& a, const Top2& b) {
  return {max(a.first, b.first), max(min(a.first, b.first), max(a.second, b.second))};
}

/**
 * A lane's values in runs of up to 8, equally long. Each is sorted, largest first, equal ones in their order, so that taking the next
 * choice of a row touches the runs' heads alone.
 */
template <int VALUES>
struct SortedRuns {
  static constexpr int kRun = VALUES < 8 ? VALUES : VALUES % 8 == 0 ? 8 : 6;
  static constexpr int kRuns = VALUES / kRun;
  uint32_t keys[VALUES];
  uint32_t positions[kRuns];  // in the run: four bits each, the head's lowest

  /** `heads`: only the first of each run will be asked for. */
  __device__ __forceinline__ SortedRuns(const uint32_t (&unsorted)[VALUES], bool heads) {
#pragma unroll
    for (int j = 0; j < VALUES; j++) keys[j] = unsorted[j];
#pragma unroll
    for (int run = 0; run < kRuns; run++) {
      if (heads) lift(keys + run * kRun, positions[run]);
      else sort(keys + run * kRun, positions[run]);
    }
  }

  /** The largest becomes the first. */
  static __device__ __forceinline__ void lift(uint32_t* run, uint32_t& position) {
    position = kRun - 1;
#pragma unroll
    for (int j = kRun - 1; j > 0; j--) {
      const uint32_t a = run[j - 1], b = run[j];
      position = b > a ? position : j - 1;
      run[j - 1] = max(a, b);
      run[j] = min(a, b);
    }
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

  /** The two largest. */
  __device__ __forceinline__ Top2 top2() const {
    Top2 best = {keys[0], keys[1]};
#pragma unroll
    for (int run = 1; run < kRuns; run++) best = larger_two(best, {keys[run * kRun], keys[run * kRun + 1]});
    return best;
  }

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int j = 0; j < VALUES; j++) keys[j] = 0;
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

/** A choice, as its lane holds it. */
struct Chosen {
  uint32_t key, column;
};

/** Takes a row's best values, one after the other. All lanes of the warp take part. */
template <int LANES, int VALUES>
class Choosing {
 public:
  uint32_t top;  // the largest key that is left

  /** `first`: the column of the lane's first value; columns grow with lanes. */
  __device__ __forceinline__ Choosing(const Team<LANES>& team, SortedRuns<VALUES>& runs, uint32_t first)
      : team(team), runs(runs), first(first) {
    mine = runs.largest();
    top = team_max<LANES>(mine);
  }

  /** The next ones, for the team's lanes `from` … end-1, one each; the other lanes keep theirs. */
  __device__ __forceinline__ void take(Chosen& kept, uint32_t from, uint32_t end) {
#pragma unroll 1
    for (uint32_t slot = from; slot < end; slot++) {
      // Equal values: the lowest lane, and in it the lowest position, is the lowest expert.
      const uint32_t candidates = __ballot_sync(kFullMask, mine == top);
      const bool owns = mine == top && (candidates & team.lowerLanes) == 0;
      const uint32_t position = first + runs.take(top, owns);
      // The next maximum is under way while the choice goes to the lane that keeps it.
      mine = runs.largest();
      const uint32_t next = team_max<LANES>(mine);
      const uint32_t column = __shfl_sync(kFullMask, position, __ffs(candidates & team.mask) - 1);
      kept.key = team.lane == slot ? top : kept.key;
      kept.column = team.lane == slot ? column : kept.column;
      top = next;
    }
  }

 private:
  const Team<LANES>& team;
  SortedRuns<VALUES>& runs;
  const uint32_t first;
  uint32_t mine;
};

}  // namespace moe
