import { BackendUnavailableError } from '@moe-dispatch/core';

// Kept for good: Dawn's instance in Node goes, with its devices, when nothing refers to it any more.
let nodeGpu: Promise<GPU> | undefined;

/**
 * The engine's WebGPU, or in Node and Bun that of the optional package `webgpu`.
 * @throws BackendUnavailableError if there is neither.
 */
export async function findGpu(): Promise<GPU> {
  const own = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (own) return own;
  if (!('process' in globalThis)) {
    throw unavailable('no navigator.gpu', 'a browser with WebGPU, and a secure context (https or localhost)');
  }
  nodeGpu ??= loadPackage();
  return nodeGpu;
}

async function loadPackage(): Promise<GPU> {
  // A name that bundlers cannot see: for a browser there is nothing to bundle.
  const name = 'webgpu';
  try {
    const { create } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as {
      create(options: string[]): GPU;
    };
    return create([]);
  } catch (cause) {
    throw unavailable(
      `no navigator.gpu, and the package 'webgpu' does not load: ${(cause as Error).message}`,
      "an engine with WebGPU, or the package 'webgpu' beside this one (npm install webgpu)",
      cause,
    );
  }
}

export function unavailable(found: string, expected: string, cause?: unknown): BackendUnavailableError {
  return new BackendUnavailableError(
    'BACKEND_UNAVAILABLE',
    { argument: 'webgpu', found, expected, ...(cause !== undefined && { cause }) },
    cause === undefined ? [] : [cause],
  );
}
