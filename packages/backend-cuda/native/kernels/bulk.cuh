// Copying rows with Hopper's bulk copies: memory to shared memory, and from there to each place, without registers.
#pragma once
#include "copy.cuh"

#if __CUDA_ARCH__ >= 900
namespace moe {

__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ __forceinline__ void barrier_init(uint64_t* barrier) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(shared_address(barrier)) : "memory");
}

__device__ __forceinline__ void barrier_wait(uint64_t* barrier, uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}\n" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

/** Memory to shared memory; the barrier's phase ends when the bytes are there. */
__device__ __forceinline__ void bulk_load(void* target, const char* source, uint32_t bytes, uint64_t* barrier) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
               : "memory");
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
          shared_address(target)),
      "l"(source), "r"(bytes), "r"(shared_address(barrier))
      : "memory");
}

__device__ __forceinline__ void bulk_store(char* target, const void* source, uint32_t bytes) {
  asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(target),
               "r"(shared_address(source)), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void bulk_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }

/** Until all but the latest GROUPS of this thread's stores have read their shared memory. */
template <int GROUPS>
__device__ __forceinline__ void bulk_wait_read() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(GROUPS) : "memory");
}

__device__ __forceinline__ void bulk_wait_all() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }

/** copy_units through a ring of `stages` slots of partBytes for each warp. Rows, addresses: multiples of 16 bytes. */
template <class Ready, class Place>
__device__ __forceinline__ void copy_units_bulk(const CopyArgs& a, char* memory, uint32_t stages, uint32_t firstToken,
                                                uint32_t topK, uint32_t first, uint32_t units, uint32_t stride,
                                                const Ready& ready, const Place& place) {
  uint64_t* const barriers = reinterpret_cast<uint64_t*>(memory) + warp_id() * stages;
  char* const ring = memory + (warps_in_block() * stages * 8 + 127) / 128 * 128 +
                     static_cast<uint64_t>(warp_id()) * stages * a.partBytes;
  const auto fetch = [&](uint32_t slot, uint64_t index) {
    if (index >= units || lane_id() != 0) return;
    const Unit unit(a, firstToken, static_cast<uint32_t>(index));
    bulk_load(ring + slot * a.partBytes, a.x + unit.token * a.rowBytes + unit.offset, unit.bytes, barriers + slot);
  };
  if (lane_id() == 0) {
    for (uint32_t slot = 0; slot < stages; slot++) barrier_init(barriers + slot);
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }
  __syncwarp();
  for (uint32_t slot = 0; slot < stages; slot++) fetch(slot, first + static_cast<uint64_t>(slot) * stride);
  ready();
  const auto place_of = [&](uint64_t index, uint32_t k) {
    if (index >= units || k >= topK) return kNoRow;
    const Unit unit(a, firstToken, static_cast<uint32_t>(index));
    return place(unit.token, k, unit.part);
  };
  uint32_t slot = 0, parity = 0, previous = stages - 1;
  uint32_t row = place_of(first, lane_id());
  for (uint64_t index = first; index < units; index += stride) {
    const Unit unit(a, firstToken, static_cast<uint32_t>(index));
    const uint32_t nextRow = place_of(index + stride, lane_id());
    barrier_wait(barriers + slot, parity);
    for (uint32_t k = lane_id(); k < topK; k += 32) {
      if (k >= 32) row = place_of(index, k);
      if (row != kNoRow) {
        bulk_store(a.out + row * a.rowBytes + unit.offset, ring + slot * a.partBytes, unit.bytes);
      }
    }
    bulk_commit();
    // The slot before this one is free once its stores have read it; this one's may still be under way.
    if (index != first) {
      bulk_wait_read<1>();
      __syncwarp();
      fetch(previous, index + static_cast<uint64_t>(stages - 1) * stride);
    }
    row = nextRow;
    previous = slot;
    slot = slot + 1 == stages ? 0 : slot + 1;
    if (slot == 0) parity ^= 1;
  }
  bulk_wait_all();
}

}  // namespace moe
#endif
