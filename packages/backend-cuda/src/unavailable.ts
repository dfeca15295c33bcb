import { BackendUnavailableError, type ErrorDetails } from '@moe-dispatch/core';

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

/** Code BACKEND_UNAVAILABLE; `reason` says which of the possible obstacles it is, the message what to do. */
export class CudaUnavailableError extends BackendUnavailableError {
  override readonly name = 'CudaUnavailableError';
  readonly reason: CudaUnavailableReason;

  constructor(reason: CudaUnavailableReason, details: Omit<ErrorDetails, 'argument'>) {
    super('BACKEND_UNAVAILABLE', { argument: 'cuda', ...details });
    this.reason = reason;
  }
}
