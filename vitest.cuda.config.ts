import { defineConfig } from 'vitest/config';

/** Packages are imported as their sources, by a condition in their exports: most tests need no build. */
export const SOURCE = '@moe-dispatch/source';

/** One file at a time: the tests share a GPU, and one takes all of its memory. Compiling and long runs take their time. */
const cudaProject = (name: string, ...include: string[]) => ({
  extends: true as const,
  test: { name, include, fileParallelism: false, testTimeout: 600_000, hookTimeout: 120_000 },
});

export const cudaProjects = [
  cudaProject('cuda-host', 'packages/backend-cuda/test/host/*.test.ts'),
  cudaProject('cuda', 'packages/backend-cuda/test/gpu/*.test.ts', 'tests/**/*.cuda.test.ts'),
  cudaProject('nvcc', 'packages/backend-cuda/test/nvcc.test.ts'),
];

// What `pnpm gpu:bundle` takes along: it needs vitest alone, no browser and no playwright.
export default defineConfig({
  ssr: { resolve: { conditions: [SOURCE] } },
  test: { pool: 'forks', projects: cudaProjects },
});
