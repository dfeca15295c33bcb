import { createRequire } from 'node:module';
import { CONTRACT } from './argument-block.js';
import { CudaUnavailableError } from './unavailable.js';

/** The native addon (native/addon). Addresses are numbers; they stay below 2^53. */
export interface Addon {
  probe(): Probe;
  Backend: new (ordinal: number, fatBinary: Uint8Array) => NativeBackend;
  Prepared: new (backend: NativeBackend, block: Float64Array) => NativePrepared;
  /** What it takes the numbers of a block for: see argument-block.ts. */
  readonly contract: string;
}

/** What the addon finds: see native/addon/probe.h. */
export interface Probe {
  /** Why the driver's library could not be opened. */
  noLibrary?: string;
  /** A function that the driver's library lacks. */
  missingFunction?: string;
  /** 13000 for 13.0. */
  driverVersion?: number;
  error?: string;
  errorCode?: number;
  devices: CudaDeviceInfo[];
}

/** A GPU, as the driver describes it. */
export interface CudaDeviceInfo {
  /** As CUDA counts the devices, from 0. */
  ordinal: number;
  name: string;
  memoryBytes: number;
  multiprocessors: number;
  /** 90 for 9.0. */
  computeCapability: number;
  /** Whether memory can be allocated in the order of a stream. */
  memoryPools: boolean;
}

export interface NativeBackend {
  limits(): { maxExperts: number; multiprocessors: number };
  pool(): { reservedBytes: number; usedBytes: number };
  allocate(bytes: number): number;
  release(address: number): void;
  upload(address: number, data: ArrayBufferView): void;
  read(address: number, bytes: number): Promise<ArrayBuffer>;
  useStream(stream: bigint | null): void;
  /** Any operation, by a block of arguments. */
  run(block: Float64Array): void;
  dispose(): void;
}

export interface NativePrepared {
  readonly workspaceBytes: number;
  run(block: Float64Array): void;
  dispose(): void;
}

/**
 * Loads the addon from the package for this platform.
 * @throws CudaUnavailableError `unsupported-platform`, `no-platform-package`
 */
export function loadAddon(): Addon {
  const platform = `${process.platform}-${process.arch}`;
  if (platform !== 'linux-x64') {
    throw new CudaUnavailableError('unsupported-platform', {
      found: platform,
      expected: 'linux-x64',
      remedy: 'use another backend here',
    });
  }
  const name = `@moe-dispatch/backend-cuda-${platform}`;
  const addon = requireAddon(name);
  if (addon.contract === CONTRACT) return addon;
  throw new CudaUnavailableError('no-platform-package', {
    found: `a package ${name} of another version`,
    expected: `one version of @moe-dispatch/core, @moe-dispatch/backend-cuda and ${name}`,
    remedy: 'reinstall all three',
  });
}

function requireAddon(name: string): Addon {
  try {
    return createRequire(import.meta.url)(name) as Addon;
  } catch (error) {
    throw new CudaUnavailableError('no-platform-package', {
      found: error instanceof Error ? error.message.split('\n')[0]! : String(error),
      expected: `the package ${name} with its native addon`,
      remedy:
        'install with optional dependencies, or install its tarball; in the workspace, with a C++ compiler: pnpm build',
      cause: error,
    });
  }
}
