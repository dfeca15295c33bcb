// The backends whose kernels are mutated, and how.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findCudaMutants } from './cuda-mutants.mjs';
import { findMutants } from './mutants.mjs';
import { findWgslMutants } from './wgsl-mutants.mjs';

const path = (relative) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const CPU = path('packages/backend-cpu/');
const WEBGPU = path('packages/backend-webgpu/');
const CUDA = path('packages/backend-cuda/');
/** Of a host's arguments, and which kernels there are. */
const NO_KERNELS = ['args.h', 'kernels.cu'];

/** What is mutated on the CPU, and how it runs. The JavaScript router only works without SIMD. */
const CPU_FILES = [
  { file: 'src/route.ts', simd: false },
  { file: 'src/choose.ts', simd: false },
  { file: 'src/gating-row.ts', simd: false },
  { file: 'src/scores.ts', simd: false },
  { file: 'src/sparse-mixer.ts', simd: false },
  { file: 'src/top-k.ts', simd: false },
  { file: 'src/weights.ts', simd: true },
  { file: 'src/capacity.ts', simd: true },
  { file: 'src/plan.ts', simd: true },
  { file: 'src/move-rows.ts', simd: false },
  { file: 'src/reduce.ts', simd: false },
  { file: 'src/check-indices.ts', simd: true },
  { file: 'src/weigh-rows.ts', simd: true },
  { file: 'src/simd-route.ts', simd: true },
  { file: 'wasm/route.ts', simd: true },
  { file: 'wasm/scores.ts', simd: true },
  { file: 'src/simd-move.ts', simd: true },
  { file: 'wasm/move.ts', simd: true },
  { file: 'src/simd-reduce.ts', simd: true },
  { file: 'wasm/reduce.ts', simd: true },
  { file: 'wasm/floats.ts', simd: true },
  { file: 'src/heap.ts', simd: true },
  { file: 'src/memory-pool.ts', simd: true },
];

/** The cases about what kernels compute; not errors, lifetimes, memory, and random calls, which take most of the time. */
const GROUPS = 'ties|special|group|topk-only|rows|tokens|empty|shapes|stages|plan|permute|out|wrap|large';
const KERNELS = `^(golden|generated/(routers|router-values|nowhere|experts|reduce|indices|${GROUPS}))/`;
/** Of a device with low limits: tensors that are bound in cuts. */
const CUTS = '^generated/(large|rows|nowhere|plan|permute|reduce|routers|indices|wrap)/';
/** Of a device whose float32 needs checks: what sums and weighs rows. */
const SUMS = '^generated/(nowhere/reduce|routers/.*with-others|reduce/(?!dtype=\\w+,t=))';
const WEBGPU_WAYS = [
  { arithmetic: 'floats', only: KERNELS },
  { arithmetic: 'floats', lowLimits: true, only: CUTS },
  { arithmetic: 'normal floats', only: SUMS },
  { arithmetic: 'integers', only: SUMS },
];

/**
 * By name. `ways`: how the suite runs a mutant of the file, one after the other until it is killed; `checks`: the ways in which
 * the backend must pass as it is; `traced`: whether the places of mutants can be seen in what a case launches; `caseMs`: the
 * time limit of a case, which without a mutation takes a tenth of it.
 */
export const TARGETS = {
  cpu: {
    folder: CPU,
    entry: "export { cpu } from './src/index.ts'",
    files: CPU_FILES.map(({ file, simd }) => ({ file, ways: [{ simd }] })),
    checks: [{ simd: true }, { simd: false }],
    findMutants,
    caseMs: 30_000,
    title: 'The CPU backend: JavaScript and WebAssembly',
    device: '',
    command: 'pnpm mutation --backend cpu',
  },
  webgpu: {
    folder: WEBGPU,
    entry: `export { WebGpuBackend } from './src/webgpu-backend.ts';
      export { nativeMemory } from './src/conformance.ts';
      export { allModules } from './test/all-modules.ts';
      export { LOW_LIMITS, forward, limitedDevice } from './test/limited-device.ts';
      export { newDevice } from './test/require-gpu.ts';`,
    files: readdirSync(`${WEBGPU}src/kernels`).map((name) => ({
      file: `src/kernels/${name}`,
      ways: WEBGPU_WAYS,
    })),
    checks: WEBGPU_WAYS,
    findMutants: findWgslMutants,
    traced: true,
    caseMs: 60_000,
    title: 'The WebGPU backend: its WGSL kernels',
    device: ', on lavapipe',
    command: 'pnpm mutation --backend webgpu',
  },
  // Not by `pnpm mutation`: cuda.mjs, in two steps.
  cuda: {
    folder: CUDA,
    files: readdirSync(`${CUDA}native/kernels`)
      .filter((name) => !NO_KERNELS.includes(name))
      .map((name) => ({ file: `native/kernels/${name}`, ways: [] })),
    findMutants: findCudaMutants,
    title: 'The CUDA backend: its kernels',
    device: ', on an NVIDIA H200',
    command: 'node scripts/mutation/cuda.mjs',
  },
};
