// Everything the backend launches, in one module. The host finds a kernel by its name (launch/kernel-names.h).
#include "bulk-kernels.cuh"
#include "place.cuh"
#include "rank.cuh"
#include "reduce.cuh"
#include "route.cuh"
#include "small.cuh"
#include "wide.cuh"

using namespace moe;

extern __shared__ __align__(128) char sharedMemory[];

#define KERNEL extern "C" __global__ void

#define ROUTING(LANES, VALUES)                                                                             \
  KERNEL __launch_bounds__(256) route_##LANES##x##VALUES(const __grid_constant__ RouteArgs a) {            \
    route_all<LANES, VALUES>(a);                                                                           \
  }                                                                                                        \
  KERNEL __launch_bounds__(1024) route_tile_##LANES##x##VALUES(const __grid_constant__ RouteTileArgs a) {  \
    route_tile<LANES, VALUES>(a, sharedMemory);                                                            \
  }                                                                                                        \
  KERNEL __launch_bounds__(1024) dispatch_small_##LANES##x##VALUES(const __grid_constant__ SmallArgs a) {  \
    dispatch_small<LANES, VALUES, uint4, 4>(a, sharedMemory);                                              \
  }

ROUTING(4, 4)
ROUTING(8, 8)
ROUTING(16, 8)
ROUTING(32, 8)
ROUTING(32, 16)
ROUTING(32, 32)

KERNEL __launch_bounds__(512) route_wide_rows(const __grid_constant__ RouteArgs a) { route_wide(a, sharedMemory); }

KERNEL __launch_bounds__(1024) rank_tiles(const __grid_constant__ TileArgs a) { rank_indices(a, sharedMemory); }

KERNEL __launch_bounds__(1024) place_tiles(const __grid_constant__ PlanArgs a) {
  place_pairs(a, reinterpret_cast<uint32_t*>(sharedMemory));
}

#define COPYING(NAME, VECTOR, DEPTH)                                                                 \
  KERNEL __launch_bounds__(1024) place_rows_##NAME(const __grid_constant__ PlaceArgs a) {            \
    place_rows<VECTOR, DEPTH>(a, reinterpret_cast<uint32_t*>(sharedMemory));                         \
  }                                                                                                  \
  KERNEL __launch_bounds__(1024) permute_rows_##NAME(const __grid_constant__ PermuteArgs a) {        \
    permute_rows<VECTOR, DEPTH>(a);                                                                  \
  }

COPYING(16x2, uint4, 2)
COPYING(16x4, uint4, 4)
COPYING(16x8, uint4, 8)
COPYING(8, uint2, 4)
COPYING(4, uint32_t, 4)
COPYING(2, uint16_t, 4)
COPYING(1, uint8_t, 4)

KERNEL __launch_bounds__(1024) place_rows_bulk(const __grid_constant__ PlaceArgs a, uint32_t stages) {
#if __CUDA_ARCH__ >= 900
  moe::place_rows_bulk(a, sharedMemory, stages);
#endif
}
KERNEL __launch_bounds__(1024) permute_rows_bulk(const __grid_constant__ PermuteArgs a, uint32_t stages) {
#if __CUDA_ARCH__ >= 900
  moe::permute_rows_bulk(a, sharedMemory, stages);
#endif
}

#define REDUCING(NAME, FLOAT, COUNT, COLUMNS, BATCH)                                                                    \
  KERNEL __launch_bounds__(256) reduce_##NAME##_##COUNT##x##COLUMNS##x##BATCH(const __grid_constant__ ReduceArgs a) {   \
    reduce_rows<FLOAT, COUNT, COLUMNS, BATCH, false>(a);                                                                \
  }                                                                                                                     \
  KERNEL __launch_bounds__(256) reduce_##NAME##_##COUNT##x##COLUMNS##x##BATCH##_bias(                                   \
      const __grid_constant__ ReduceArgs a) {                                                                           \
    reduce_rows<FLOAT, COUNT, COLUMNS, BATCH, true>(a);                                                                 \
  }
#define REDUCING_ALL(NAME, FLOAT, COUNT) \
  REDUCING(NAME, FLOAT, COUNT, 4, 2)     \
  REDUCING(NAME, FLOAT, COUNT, 2, 4)     \
  REDUCING(NAME, FLOAT, COUNT, 1, 8)     \
  REDUCING(NAME, FLOAT, COUNT, 1, 2)     \
  REDUCING(NAME, FLOAT, COUNT, 2, 8)     \
  REDUCING(NAME, FLOAT, 1, 1, 8)

REDUCING_ALL(float32, float, 4)
REDUCING_ALL(float16, __half, 8)
REDUCING_ALL(bfloat16, __nv_bfloat16, 8)
