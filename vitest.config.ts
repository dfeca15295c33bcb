import { availableParallelism } from 'node:os';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { cudaProjects, SOURCE } from './vitest.cuda.config.ts';

/** Chromium gives WebGPU to those who ask, and needs no sandbox, network or first steps. */
const CHROMIUM_ARGS = [
  '--enable-unsafe-webgpu',
  '--no-sandbox',
  '--disable-gpu-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

// One project for each part that scripts/test-parts.mjs names: what a machine cannot run is left out as a whole.
export default defineConfig({
  ssr: { resolve: { conditions: [SOURCE] } },
  test: {
    // GPU objects live in one process; worker threads would share it.
    pool: 'forks',
    // By default one core is left free: of CI's two, half of them.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        // They change nothing outside of a test, and starting a process for each file takes most of their time.
        test: {
          name: 'core',
          include: ['packages/{core,models,safetensors}/test/*.test.ts'],
          pool: 'threads',
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'cpu',
          include: [
            'packages/{backend-cpu,conformance}/test/**/*.test.ts',
            'packages/backend-cuda/test/artefact.test.ts',
            'apps/*/test/**/*.test.ts',
            'examples/*/*.test.ts',
            'tests/**/*.test.ts',
          ],
          exclude: [
            '**/node_modules/**',
            '**/*.{deno,webgpu,cuda,python,cpp}.test.ts',
            '**/test/chromium/**',
            'tests/consumers/slow/**',
          ],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'deno',
          include: ['tests/**/*.deno.test.ts', 'packages/*/test/*.deno.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'python',
          include: ['packages/*/test/*.python.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'cpp',
          include: ['packages/*/test/*.cpp.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'webgpu-node',
          include: ['packages/backend-webgpu/test/*.test.ts', 'tests/**/*.webgpu.test.ts'],
          exclude: ['**/*.deno.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        resolve: { conditions: [SOURCE, 'module', 'browser', 'development|production'] },
        test: {
          name: 'browser',
          include: ['packages/backend-webgpu/test/browser/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                executablePath: CHROMIUM,
                args: CHROMIUM_ARGS,
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        extends: true,
        test: {
          // Whole pages in Chromium, driven from Node.
          name: 'chromium',
          include: ['{packages,apps}/*/test/chromium/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          provide: { chromium: { executablePath: CHROMIUM, args: CHROMIUM_ARGS } },
        },
      },
      ...cudaProjects,
    ],
  },
});
