// Everything the backend launches, in one module. The host finds a kernel by its name (launch/).
#include "decode.cuh"
#include "given.cuh"
#include "map.cuh"
#include "place.cuh"
#include "reduce.cuh"
#include "route.cuh"
#include "weigh.cuh"
#include "wide.cuh"

using namespace moe;

extern __shared__ __align__(128) char sharedMemory[];

#define KERNEL extern "C" __global__ void

// Left to itself, the compiler takes 64 registers for a decode kernel and spills.
#define ROUTING(PREFIX, LANES, VALUES, ROUTER)                                                                   \
  KERNEL __launch_bounds__(256) PREFIX##_##LANES##x##VALUES(const __grid_constant__ RouteArgs a) {               \
    route_all<LANES, VALUES, ROUTER>(a);                                                                         \
  }                                                                                                              \
  KERNEL __launch_bounds__(1024) PREFIX##_tile_##LANES##x##VALUES(const __grid_constant__ RouteTileArgs a) {     \
    route_tile<LANES, VALUES, ROUTER>(a, sharedMemory);                                                          \
  }                                                                                                              \
  KERNEL __launch_bounds__(128, 4) PREFIX##_decode_##LANES##x##VALUES(const __grid_constant__ DecodeArgs a) {       \
    dispatch_decode<LANES, VALUES, ROUTER>(a);                                                                   \
  }

ROUTING(route, 4, 4, false)
ROUTING(route, 8, 8, false)
ROUTING(route, 16, 8, false)
ROUTING(route, 32, 8, false)
ROUTING(route, 32, 16, false)
ROUTING(route, 32, 32, false)

ROUTING(router, 8, 8, true)
ROUTING(router, 16, 8, true)
ROUTING(router, 32, 8, true)
ROUTING(router, 32, 12, true)
ROUTING(router, 32, 16, true)

KERNEL __launch_bounds__(512) route_wide_rows(const __grid_constant__ RouteArgs a) { route_wide(a, sharedMemory); }

KERNEL __launch_bounds__(256) route_given(const __grid_constant__ RouteArgs a) {
  each_row(a, [&](uint32_t row) { score_given(a, row); });
}

KERNEL __launch_bounds__(256) route_sparsely(const __grid_constant__ RouteArgs a) {
  each_row(a, [&](uint32_t row) { mix_sparsely(a, row); });
}

KERNEL __launch_bounds__(256) order_tokens(const __grid_constant__ OrderArgs a) { order_by_score(a); }

KERNEL __launch_bounds__(256) drop_choices(const __grid_constant__ DropArgs a) { drop_beyond_capacity(a); }

KERNEL __launch_bounds__(256) weigh_tokens(const __grid_constant__ WeighArgs a) { weigh_choices(a); }

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

#define WEIGHING(NAME, FLOAT, COUNT)                                                              \
  KERNEL __launch_bounds__(1024) weigh_rows_##NAME##_##COUNT(const __grid_constant__ MoveArgs a) { \
    using Rows = Weighed<FLOAT, COUNT>;                                                           \
    move_rows<Rows::Pack::Raw, Rows>(a, {a.expertScalesFloat});                                   \
  }

// More rows in flight cost registers, so warps, and were slower. Left to itself, the compiler takes 48 registers and spills.
#define REDUCING(NAME, FLOAT, COUNT)                                                                    \
  KERNEL __launch_bounds__(256, 4) reduce_##NAME##_##COUNT(const __grid_constant__ ReduceArgs a) {      \
    reduce_rows<FLOAT, COUNT, Extra::kNone, 4>(a);                                                      \
  }                                                                                                     \
  KERNEL __launch_bounds__(256, 4) reduce_##NAME##_##COUNT##_bias(const __grid_constant__ ReduceArgs a) { \
    reduce_rows<FLOAT, COUNT, Extra::kBias, 2>(a);                                                      \
  }                                                                                                     \
  KERNEL __launch_bounds__(256, 4) reduce_##NAME##_##COUNT##_any(const __grid_constant__ ReduceArgs a) { \
    reduce_rows<FLOAT, COUNT, Extra::kAny, 1>(a);                                                       \
  }

#define EACH_FLOAT(MACRO)           \
  MACRO(float32, float, 4)          \
  MACRO(float32, float, 1)          \
  MACRO(float16, __half, 8)         \
  MACRO(float16, __half, 1)         \
  MACRO(bfloat16, __nv_bfloat16, 8) \
  MACRO(bfloat16, __nv_bfloat16, 1)

// Loads of four steps of a row in flight, because there are few rows.
#define REDUCING_FEW(NAME, FLOAT, COUNT)                                                              \
  KERNEL __launch_bounds__(256, 4) reduce_##NAME##_##COUNT##_1(const __grid_constant__ ReduceArgs a) { \
    reduce_few<FLOAT, COUNT, 1>(a);                                                                   \
  }                                                                                                   \
  KERNEL __launch_bounds__(256, 3) reduce_##NAME##_##COUNT##_2(const __grid_constant__ ReduceArgs a) { \
    reduce_few<FLOAT, COUNT, 2>(a);                                                                   \
  }

REDUCING_FEW(float32, float, 4)
REDUCING_FEW(float16, __half, 8)
REDUCING_FEW(bfloat16, __nv_bfloat16, 8)
EACH_FLOAT(WEIGHING)
EACH_FLOAT(REDUCING)
