import type { BenchReport, BenchRow, Shape } from '../src/bench/bench-report.js';
import { dispatchBytes, reduceBytes } from '../src/bench/shapes.js';

const SHAPES: readonly Shape[] = [
  { tokens: 1, hidden: 4096, numExperts: 8, topK: 2 },
  { tokens: 1280, hidden: 768, numExperts: 48, topK: 6 },
  { tokens: 8192, hidden: 2048, numExperts: 128, topK: 8 },
];

/** A CPU and a GPU, with a shape and a backend that could not be measured. */
export function exampleBench(): BenchReport {
  const tooLarge = { tokens: 65536, hidden: 2048, numExperts: 64, topK: 6 };
  return {
    kind: 'bench',
    version: 1,
    machine: { runtime: 'node 20.20.2', platform: 'linux x64', processor: 'AMD EPYC' },
    started: '2026-11-23T05:20:00.000Z',
    dtype: 'bfloat16',
    timing: 'Wall time a call',
    backends: [
      {
        name: 'cpu',
        device: 'JavaScript',
        copy: 'memcpy',
        rows: rows(1.2e10, 1.4),
        leftOut: [{ shape: tooLarge, reason: 'needs 3881 MiB' }],
      },
      { name: 'webgpu', device: 'NVIDIA H200', copy: 'its permuteRows', rows: rows(3e12, 1.2), leftOut: [] },
    ],
    unavailable: [{ backend: '@moe-dispatch/backend-cuda', reason: 'no NVIDIA driver' }],
  };
}

function rows(bytesPerSecond: number, ratio: number): BenchRow[] {
  return SHAPES.map((shape) => {
    const bytes = dispatchBytes(shape, 'bfloat16');
    const copyMs = 0.001 + (bytes / bytesPerSecond) * 1000;
    const times = { copyMs, dispatchMs: copyMs * ratio, reduceMs: copyMs * ratio * 2 };
    return {
      shape,
      dispatchBytes: bytes,
      reduceBytes: reduceBytes(shape, 'bfloat16'),
      copyBytes: bytes,
      ...times,
    };
  });
}
