import { defineConfig } from 'vitest/config';

/** For scripts/test-consumers.mjs: projects that install much and build long, one after another. */
export default defineConfig({
  test: {
    include: ['tests/consumers/slow/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 600_000,
  },
});
