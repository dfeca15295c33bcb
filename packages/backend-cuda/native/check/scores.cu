// Writes all 2^32 results of a score function on this host's first device to standard output, as float32 in the order of
// the inputs' bits, and its time to standard error. scripts/check-scores-cuda.sh builds it and compares the SHA-256.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../kernels/device.cuh"
#include "../kernels/scores.cuh"

namespace {

constexpr uint32_t kChunks = 256;
constexpr uint32_t kChunk = 1u << 24;
constexpr uint32_t kThreads = 256;

/** exp is that of min(x, 0). */
__device__ uint32_t exp_bits(uint32_t bits) {
  const moe::Power e = moe::exp_neg(bits >> 31 ? bits & 0x7FFFFFFFu : 0);
  return moe::round32(e.m, static_cast<int>(e.n), false);
}

template <uint32_t (*SCORE)(uint32_t)>
__global__ void score(uint32_t first, uint32_t* results) {
  const uint32_t i = blockIdx.x * kThreads + threadIdx.x;
  results[i] = SCORE(moe::clean_bits(first + i));
}

void check(cudaError_t error) {
  if (error == cudaSuccess) return;
  fprintf(stderr, "%s\n", cudaGetErrorString(error));
  exit(1);
}

template <uint32_t (*SCORE)(uint32_t)>
void write_all(const char* name) {
  uint32_t* results;
  cudaEvent_t start, end;
  check(cudaMalloc(&results, sizeof(uint32_t) * kChunk));
  check(cudaEventCreate(&start));
  check(cudaEventCreate(&end));
  std::vector<uint32_t> host(kChunk);
  float slowest = 0;
  for (uint32_t chunk = 0; chunk < kChunks; chunk++) {
    check(cudaEventRecord(start));
    score<SCORE><<<kChunk / kThreads, kThreads>>>(chunk * kChunk, results);
    check(cudaEventRecord(end));
    check(cudaMemcpy(host.data(), results, sizeof(uint32_t) * kChunk, cudaMemcpyDeviceToHost));
    float milliseconds;
    check(cudaEventElapsedTime(&milliseconds, start, end));
    // The first launch loads the kernel.
    if (chunk > 0 && milliseconds > slowest) slowest = milliseconds;
    if (fwrite(host.data(), sizeof(uint32_t), kChunk, stdout) != kChunk) exit(1);
  }
  fprintf(stderr, "%s: at most %.1f us for 2^24 values\n", name, slowest * 1000);
}

}  // namespace

int main(int argc, char** argv) {
  const char* name = argc == 2 ? argv[1] : "";
  if (strcmp(name, "exp") == 0) write_all<exp_bits>(name);
  else if (strcmp(name, "sigmoid") == 0) write_all<moe::sigmoid>(name);
  else if (strcmp(name, "sqrtsoftplus") == 0) write_all<moe::sqrtsoftplus>(name);
  else return 2;
  return 0;
}
