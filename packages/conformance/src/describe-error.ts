import { isMoeDispatchError } from '@moe-dispatch/core';

/** What was thrown, for a report. */
export interface DescribedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

/** Never throws itself, whatever a backend throws. */
export function describeError(error: unknown): DescribedError {
  try {
    if (!(error instanceof Error) && !isMoeDispatchError(error)) {
      return { name: 'thrown', message: String(error) };
    }
    // Texts, whatever a backend's error has there.
    const [name, message] = [String(error.name), String(error.message)];
    return isMoeDispatchError(error) ? { name, message, code: error.code } : { name, message };
  } catch {
    return { name: 'thrown', message: `a value of type ${typeof error} that has no text` };
  }
}

/** `RangeError: too far`, or what was thrown that is no error. */
export function errorText(error: unknown): string {
  const { name, message } = describeError(error);
  return name === 'thrown' ? message : `${name}: ${message}`;
}
