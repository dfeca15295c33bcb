import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type CudaDeviceInfo, loadAddon, type Probe } from './addon.js';
import { fatBinaryCovers } from './fat-binary.js';
import { CudaUnavailableError } from './unavailable.js';

/** The first CUDA whose driver has all functions that the addon uses. */
export const REQUIRED_DRIVER = 12000;
const TIMEOUT_MS = 60_000;

/**
 * Asks the driver in a separate process what there is.
 * @throws CudaUnavailableError `unsupported-platform`, `no-platform-package`, `probe-crashed`
 */
export async function probeDriver(): Promise<Probe> {
  loadAddon();
  // From dist, also where this file is run from src.
  const child = fileURLToPath(new URL('../dist/probe-child.js', import.meta.url));
  try {
    const options = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' as const };
    const { stdout } = await promisify(execFile)(process.execPath, [child], options);
    return JSON.parse(stdout) as Probe;
  } catch (error) {
    const { signal, killed, message } = error as Error & { signal?: string; killed?: boolean };
    const end = killed ? `no answer within ${TIMEOUT_MS / 1000} s` : signal ? `${signal}` : message;
    throw new CudaUnavailableError('probe-crashed', {
      found: `a probe of the driver that ended with ${end}`,
      expected: "an NVIDIA driver that answers to cuInit; see whether 'nvidia-smi' works",
      remedy: 'reinstall the driver, or restart the machine',
      cause: error,
    });
  }
}

/** 13000 as '13.0'. */
export function formatVersion(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

/** 90 as '9.0'. */
export function formatCapability(capability: number): string {
  return `${Math.floor(capability / 10)}.${capability % 10}`;
}

/**
 * The device of this ordinal, if it can be used.
 * @throws CudaUnavailableError for each thing that may be missing
 */
export function usableDevice(probe: Probe, ordinal: number): CudaDeviceInfo {
  checkDriver(probe);
  const { devices } = probe;
  if (devices.length === 0) throw noDevice('a driver without devices');
  const device = devices[ordinal];
  if (device === undefined) {
    throw new CudaUnavailableError('no-such-ordinal', {
      found: `ordinal ${ordinal}`,
      expected: `one of ${devices.map((each) => `${each.ordinal} (${each.name})`).join(', ')}`,
      remedy: 'CUDA_VISIBLE_DEVICES hides devices and changes their ordinals',
    });
  }
  if (!device.memoryPools || !fatBinaryCovers(device.computeCapability)) {
    throw new CudaUnavailableError('unsupported-device', {
      found: `${device.name}, compute capability ${formatCapability(device.computeCapability)}${device.memoryPools ? '' : ', without memory pools'}`,
      expected: 'a device with memory pools that the fat binary covers (see inspect)',
    });
  }
  return device;
}

function checkDriver(probe: Probe): void {
  const { noLibrary, missingFunction, driverVersion = 0, error, errorCode } = probe;
  if (noLibrary !== undefined) {
    throw new CudaUnavailableError('no-driver', {
      found: noLibrary,
      expected: 'libcuda.so.1, a part of the NVIDIA driver',
      remedy: 'install the driver; in a container, start it with the GPUs (docker run --gpus all)',
    });
  }
  if (missingFunction !== undefined || driverVersion < REQUIRED_DRIVER) {
    const version = driverVersion === 0 ? 'of unknown version' : `for CUDA ${formatVersion(driverVersion)}`;
    throw new CudaUnavailableError('driver-too-old', {
      found: `a driver ${version}${missingFunction === undefined ? '' : `, without ${missingFunction}`}`,
      expected: `a driver for CUDA ${formatVersion(REQUIRED_DRIVER)} or later`,
      remedy: 'update the NVIDIA driver',
    });
  }
  if (error === undefined) return;
  if (errorCode === CUDA_ERROR_NO_DEVICE) throw noDevice(error);
  throw new CudaUnavailableError('driver-failed', {
    found: error,
    expected: "a driver that can be initialised; see whether 'nvidia-smi' works",
  });
}

const CUDA_ERROR_NO_DEVICE = 100;

function noDevice(found: string): CudaUnavailableError {
  return new CudaUnavailableError('no-device', {
    found,
    expected: 'an NVIDIA GPU',
    remedy: 'CUDA_VISIBLE_DEVICES may hide it; in a container, start it with the GPUs',
  });
}
