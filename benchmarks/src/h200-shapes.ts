import type { Router } from '@moe-dispatch/core';

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
  // As in GLM-4.5, gpt-oss-120b, Qwen3-Next and Llama 4 Maverick.
  [1024, 6144, 160, 8],
  [2048, 2880, 128, 4],
  [4096, 2048, 512, 10],
  [8192, 5120, 128, 1],
] as const;

const SIGMOID = { topK: 8, scoringFunc: 'sigmoid', normTopkProb: true, normEps: 1e-20 } as const;

/** Routers that are more than a softmax; each has a bias. */
export const H200_ROUTERS: readonly {
  model: string;
  router: Router;
  experts: number;
  hidden: number;
  tokens: readonly number[];
}[] = [
  {
    model: 'DeepSeek-V3',
    router: { ...SIGMOID, nGroup: 8, topkGroup: 4, groupScoreFunc: 'top2_sum', routedScalingFactor: 2.5 },
    experts: 256,
    hidden: 7168,
    tokens: [1, 64, 4096, 16384],
  },
  {
    model: 'Kimi-K2',
    router: { ...SIGMOID, routedScalingFactor: 2.827 },
    experts: 384,
    hidden: 7168,
    tokens: [1, 64, 4096, 16384],
  },
];
