import { BackendUnavailableError } from '@moe-dispatch/core';

/** What stands between this machine and the CUDA backend. */
export type CudaUnavailableReason =
  | 'unsupported-platform'
  | 'no-platform-package'
  | 'no-driver'
  | 'driver-too-old'
  | 'driver-failed'
  | 'probe-crashed'
  | 'no-device'
  | 'no-such-ordinal'
  | 'unsupported-device';

interface UnavailableDetails {
  found: string;
  expected: string;
  /** What to do about it. */
  remedy?: string;
  cause?: unknown;
}

/** Code BACKEND_UNAVAILABLE; `reason` says which of the possible obstacles it is, the message what to do. */
export class CudaUnavailableError extends BackendUnavailableError {
  /** Which obstacle it is. Stable: switch on it. */
  readonly reason: CudaUnavailableReason;

  override get name(): string {
    return 'CudaUnavailableError';
  }

  constructor(reason: CudaUnavailableReason, { found, expected, remedy, cause }: UnavailableDetails) {
    const wanted = remedy === undefined ? expected : `${expected} (${remedy})`;
    super('BACKEND_UNAVAILABLE', { argument: 'cuda', found, expected: wanted, cause });
    this.reason = reason;
  }
}
