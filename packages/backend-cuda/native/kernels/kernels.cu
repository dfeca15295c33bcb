// Everything the backend launches, in one module. The host finds a kernel by its name (launch/).
#include "decode.cuh"
#include "map.cuh"
#include "place.cuh"
#include "reduce.cuh"
#include "route.cuh"
#include "wide.cuh"

using namespace moe;

extern __shared__ __align__(128) char sharedMemory[];

#define KERNEL extern "C" __global__ void

#define ROUTING(LANES, VALUES)                                                                            \
  KERNEL __launch_bounds__(256) route_##LANES##x##VALUES(const __grid_constant__ RouteArgs a) {           \
    route_all<LANES, VALUES>(a);                                                                          \
  }                                                                                                       \
  KERNEL __launch_bounds__(1024) route_tile_##LANES##x##VALUES(const __grid_constant__ RouteTileArgs a) { \
    route_tile<LANES, VALUES>(a, sharedMemory);                                                           \
  }                                                                                                       \
  KERNEL __launch_bounds__(128) decode_##LANES##x##VALUES(const __grid_constant__ DecodeArgs a) {         \
    dispatch_decode<LANES, VALUES>(a);                                                                    \
  }

ROUTING(4, 4)
ROUTING(8, 8)
ROUTING(16, 8)
ROUTING(32, 8)
ROUTING(32, 16)
ROUTING(32, 32)

KERNEL __launch_bounds__(512) route_wide_rows(const __grid_constant__ RouteArgs a) { route_wide(a, sharedMemory); }

KERNEL __launch_bounds__(1024) place_tiles(const __grid_constant__ TileArgs a) { place_choices(a, sharedMemory); }

KERNEL __launch_bounds__(1024) map_tiles(const __grid_constant__ MapArgs a) {
  map_pairs(a, reinterpret_cast<uint32_t*>(sharedMemory));
}

// With more registers, two blocks that map would leave no room on a multiprocessor for one that still routes, and start
// only after it: 1 µs later at 1280 tokens.
#define COPYING(NAME, VECTOR)                                                                 \
  KERNEL __maxnreg__(48) map_and_move_##NAME(const __grid_constant__ MapAndMoveArgs a) {             \
    map_and_move_rows<VECTOR>(a, reinterpret_cast<uint32_t*>(sharedMemory));                         \
  }                                                                                           \
  KERNEL __launch_bounds__(1024) move_rows_##NAME(const __grid_constant__ MoveArgs a) { \
    move_rows<VECTOR>(a);                                                                  \
  }

COPYING(16, uint4)
COPYING(8, uint2)
COPYING(4, uint32_t)
COPYING(2, uint16_t)
COPYING(1, uint8_t)

// More rows in flight cost registers, so warps, and were slower. Left to itself, the compiler takes 48 registers and spills.
#define REDUCING(NAME, FLOAT, COUNT)                                                                 \
  KERNEL __launch_bounds__(256, 4) reduce_##NAME##_##COUNT(const __grid_constant__ ReduceArgs a) {      \
    reduce_rows<FLOAT, COUNT, false, 4>(a);                                                             \
  }                                                                                                  \
  KERNEL __launch_bounds__(256, 4) reduce_##NAME##_##COUNT##_bias(const __grid_constant__ ReduceArgs a) { \
    reduce_rows<FLOAT, COUNT, true, 2>(a);                                                              \
  }

REDUCING(float32, float, 4)
REDUCING(float32, float, 1)
REDUCING(float16, __half, 8)
REDUCING(float16, __half, 1)
REDUCING(bfloat16, __nv_bfloat16, 8)
REDUCING(bfloat16, __nv_bfloat16, 1)
