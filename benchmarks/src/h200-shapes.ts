/** T, D, E, K of the rows that docs/benchmarks.md has for the H200, for WebGPU and CUDA alike. */
export const H200_SHAPES = [
  [1, 4096, 8, 2],
  [64, 7168, 256, 8],
  [1280, 768, 48, 6],
  [4096, 4096, 8, 2],
  [8192, 2048, 128, 8],
  [4096, 7168, 256, 8],
  [16384, 7168, 256, 8],
  [65536, 2048, 64, 6],
] as const;
