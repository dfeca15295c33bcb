/** Every reason for which this library refuses a call. The strings are stable: switch on them. */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_SHAPE'
  | 'TOKEN_COUNT_MISMATCH'
  | 'UNSUPPORTED_DTYPE'
  | 'UNSUPPORTED_OPERATION'
  | 'INVALID_TOP_K'
  | 'INVALID_ROUTER'
  | 'EXPERTS_NOT_DIVISIBLE'
  | 'TOO_MANY_ROWS'
  | 'WRONG_BACKEND'
  | 'BUFFER_OVERLAP'
  | 'BUFFER_TOO_SMALL'
  | 'INDEX_OUT_OF_RANGE'
  | 'TENSOR_DISPOSED'
  | 'PREPARED_DISPOSED'
  | 'BACKEND_DISPOSED'
  | 'LIMIT_EXCEEDED'
  | 'OUT_OF_MEMORY'
  | 'BACKEND_UNAVAILABLE'
  | 'NO_BACKEND'
  | 'DEVICE_LOST'
  | 'DEVICE_ERROR';

/** What an error says beside its code. */
export interface ErrorDetails {
  /** The name of the argument at fault, as the caller wrote it, e.g. `gating` or `out.permuteInput`. */
  argument: string;
  /** What the argument was, in words. */
  found: string;
  /** What it should have been, in words. */
  expected: string;
  /** The error behind this one, if there is one. */
  cause?: unknown;
}

// A registered symbol, so that errors of another copy of core in the same process are recognised too.
const ERROR_BRAND: unique symbol = Symbol.for('@moe-dispatch/core.error') as never;

/** The base of all errors thrown by this library and its backends. Recognise one with {@link isMoeDispatchError}. */
export class MoeDispatchError extends Error {
  override get name(): string {
    return 'MoeDispatchError';
  }
  /** The reason. Stable: switch on it. */
  readonly code!: ErrorCode;
  /** The name of the argument at fault, e.g. `gating` or `out.permuteInput`. */
  readonly argument!: string;
  /** What it was, in words. */
  readonly found!: string;
  /** What it should have been, in words. */
  readonly expected!: string;

  constructor(code: ErrorCode, details: ErrorDetails) {
    const { argument, found, expected } = details;
    // Of the details it takes the cause.
    super(`${argument}: expected ${expected}, found ${found}`, details);
    Object.assign(this, { code, argument, found, expected });
  }

  get [ERROR_BRAND](): true {
    return true;
  }
}

/** An argument that can never be right: wrong type, shape, dtype, value, owner or memory. */
export class InvalidArgumentError extends MoeDispatchError {
  override get name(): string {
    return 'InvalidArgumentError';
  }
}

/** Makes an InvalidArgumentError; a function because there are so many of them. */
export function invalid(
  code: ErrorCode,
  argument: string,
  found: string,
  expected: string,
): InvalidArgumentError {
  return new InvalidArgumentError(code, { argument, found, expected });
}

/** INVALID_ARGUMENT, for a value of any kind. */
export function invalidArgument(argument: string, value: unknown, expected: string): InvalidArgumentError {
  return invalid('INVALID_ARGUMENT', argument, describe(value), expected);
}

/** An operation that a backend does not implement. */
export function unsupported(
  { name, operations }: { name: string; operations: readonly string[] },
  operation: string,
): InvalidArgumentError {
  return invalid(
    'UNSUPPORTED_OPERATION',
    'backend',
    `'${name}', which implements ${operations.join(', ') || 'nothing'}`,
    `a backend that implements ${operation}`,
  );
}

/** A tensor, prepared operation or backend that was used after `dispose()`. */
export class DisposedError extends MoeDispatchError {
  override get name(): string {
    return 'DisposedError';
  }
}

export function disposedError(code: ErrorCode, argument: string, what: string): DisposedError {
  return new DisposedError(code, { argument, found: `a disposed ${what}`, expected: 'a live one' });
}

/** A valid request that this device or engine cannot hold: over a limit it declares, or out of memory. */
export class ResourceError extends MoeDispatchError {
  override get name(): string {
    return 'ResourceError';
  }
}

/** A backend that does not work here, or no backend at all. `causes` holds the error of each. */
export class BackendUnavailableError extends MoeDispatchError {
  override get name(): string {
    return 'BackendUnavailableError';
  }
  /** Why each backend does not work, in the order in which they were tried. */
  readonly causes: readonly unknown[];

  constructor(
    code: 'BACKEND_UNAVAILABLE' | 'NO_BACKEND',
    details: ErrorDetails,
    causes: readonly unknown[] = [],
  ) {
    super(code, details);
    this.causes = causes;
  }
}

/** A device was lost, or failed in a way that no argument explains. */
export class DeviceError extends MoeDispatchError {
  override get name(): string {
    return 'DeviceError';
  }
}

/** Whether `value` is an error of this library, of this copy of core or any other in the process. */
export function isMoeDispatchError(value: unknown): value is MoeDispatchError {
  return hasBrand(value, ERROR_BRAND);
}

/** Whether `value` carries the brand. */
export function hasBrand(value: unknown, brand: symbol): boolean {
  try {
    return typeof value === 'object' && value !== null && Boolean((value as Record<symbol, unknown>)[brand]);
  } catch {
    return false; // a revoked proxy, or an object that only inherits from one of ours
  }
}

/** Shows a value in an error message, in a few words. Never throws, whatever the value does when it is looked at. */
export function describe(value: unknown): string {
  try {
    return describeSafely(value);
  } catch {
    return 'an object';
  }
}

function describeSafely(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 80)}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  const kind: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (ArrayBuffer.isView(value)) {
    return `${typeof kind === 'string' ? kind : 'a view'} of ${value.byteLength} bytes`;
  }
  return typeof kind === 'string' && kind !== 'Object' ? `an instance of ${kind}` : 'an object';
}
