import { defineConfig } from 'vitest/config';

// Everything but the browser suite: `npx vitest run` here. GPU objects must live in a process of their own.
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
