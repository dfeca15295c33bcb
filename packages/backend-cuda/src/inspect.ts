import type { CudaDeviceInfo } from './addon.js';
import { fatBinaryCovers, readManifest } from './fat-binary.js';
import { formatCapability, formatVersion, probeDriver, REQUIRED_DRIVER, usableDevice } from './probe.js';
import { CudaUnavailableError } from './unavailable.js';

/** What there is of CUDA on this machine. */
export interface CudaInspection {
  /** The first device can be used. */
  readonly available: boolean;
  /** Why it cannot. */
  readonly obstacle?: { readonly reason: string; readonly message: string };
  /** CUDA's version as the driver states it, such as '13.0'. */
  readonly driver?: string;
  readonly requiredDriver: string;
  readonly devices: readonly (CudaDeviceInfo & { readonly covered: boolean })[];
  readonly fatBinary: {
    readonly nvcc: string;
    readonly architectures: readonly number[];
    readonly ptx: number;
    readonly bytes: number;
  };
}

/** Looks for the driver and its devices in a separate process. What is missing is an `obstacle`, never an error. */
export async function inspect(): Promise<CudaInspection> {
  const { nvcc, architectures, ptx, artefact } = readManifest();
  const fatBinary = { nvcc, architectures, ptx, bytes: artefact.bytes };
  const requiredDriver = formatVersion(REQUIRED_DRIVER);
  const found: { driver?: string; devices: CudaInspection['devices'] } = { devices: [] };
  try {
    const probe = await probeDriver();
    if (probe.driverVersion !== undefined) found.driver = formatVersion(probe.driverVersion);
    found.devices = probe.devices.map((device) => ({
      ...device,
      covered: fatBinaryCovers(device.computeCapability),
    }));
    usableDevice(probe, 0);
    return { available: true, requiredDriver, fatBinary, ...found };
  } catch (error) {
    if (!(error instanceof CudaUnavailableError)) throw error;
    const { reason, message } = error;
    return { available: false, obstacle: { reason, message }, requiredDriver, fatBinary, ...found };
  }
}

/** The inspection as lines of text. */
export function formatInspection(inspection: CudaInspection): string {
  const { available, obstacle, requiredDriver, devices, fatBinary } = inspection;
  const capabilities = fatBinary.architectures.map(formatCapability).join(', ');
  return [
    available ? 'CUDA backend: available' : `CUDA backend: not available (${obstacle?.reason})`,
    ...(obstacle === undefined ? [] : [`  ${obstacle.message}`]),
    `driver: ${formatDriver(inspection)} (required: ${requiredDriver} or later)`,
    ...devices.map(
      ({ ordinal, name, memoryBytes, computeCapability, multiprocessors, covered }) =>
        `device ${ordinal}: ${name}, ${(memoryBytes / 2 ** 30).toFixed(1)} GiB, compute capability ` +
        `${formatCapability(computeCapability)}, ${multiprocessors} multiprocessors` +
        `${covered ? '' : ' (not covered by the fat binary)'}`,
    ),
    `fat binary: ${fatBinary.bytes} bytes by nvcc ${fatBinary.nvcc}: machine code for ${capabilities}; ` +
      `PTX from ${formatCapability(fatBinary.ptx)} on`,
  ].join('\n');
}

/** Without the addon nothing looked for a driver, which is not the same as finding none. */
function formatDriver({ driver, obstacle }: CudaInspection): string {
  if (driver !== undefined) return `CUDA ${driver}`;
  if (obstacle?.reason === 'no-driver') return 'none';
  const noAddon = obstacle?.reason === 'no-platform-package' || obstacle?.reason === 'unsupported-platform';
  return noAddon ? 'not looked for' : 'of unknown version';
}
