import { type ErrorCode, isMoeDispatchError, type OperationName, type Tensor } from '@moe-dispatch/core';
import { wholeDifference } from '../../compare.js';
import type { HostTensor } from '../../host-tensor.js';
import { NotClaimed, type Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { drawn } from '../data.js';
import { checkNextCall } from '../next-call.js';
import { foreignBackend } from './foreign-backend.js';

export type ErrorName = 'InvalidArgumentError' | 'DisposedError' | 'ResourceError';

/** One bad call and the error it must give. */
export interface BadCall {
  readonly name: string;
  readonly code: ErrorCode;
  /** The argument that the error must name. */
  readonly argument: string;
  call(session: Session): unknown;
}

const CLASS_OF: Partial<Record<ErrorCode, ErrorName>> = {
  TENSOR_DISPOSED: 'DisposedError',
  PREPARED_DISPOSED: 'DisposedError',
  BACKEND_DISPOSED: 'DisposedError',
  LIMIT_EXCEEDED: 'ResourceError',
};

/**
 * The call throws (or rejects with) the right error, leaks nothing, and the next call works.
 * @param operations that it needs
 */
export function errorCase(
  subject: string,
  { name, code, argument, call }: BadCall,
  ...operations: readonly OperationName[]
): ConformanceCase {
  return {
    id: `errors/${subject}/${name}`,
    run: async (session) => {
      session.requireOperations(...operations);
      checkError(session, await thrownBy(() => call(session)), code, argument);
      await checkNextCall(session);
    },
  };
}

/** What a call throws, or rejects with; undefined if it does neither. */
export async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Reports whatever is not right in an error. */
export function checkError(session: Session, error: unknown, code: ErrorCode, argument: string): void {
  if (error instanceof NotClaimed) throw error;
  const label = 'the bad call';
  if (!isMoeDispatchError(error)) {
    const found = error === undefined ? 'no error' : String(error);
    session.report([wholeDifference({ case: label, tensor: 'error' }, code, found)]);
    // Errors of other kinds (a crash) must not look like a difference only.
    if (error !== undefined) throw error;
    return;
  }
  const expected = { code, argument, name: CLASS_OF[code] ?? 'InvalidArgumentError' };
  for (const key of ['code', 'argument', 'name'] as const) {
    session.expectValue({ case: label, tensor: `error.${key}` }, error[key], expected[key]);
  }
  for (const key of ['found', 'expected', 'message'] as const) {
    const said = typeof error[key] === 'string' && error[key].length > 0;
    session.expectValue({ case: label, tensor: `error.${key} says something` }, said, true);
  }
}

/** A float32 tensor of ones. */
export function ones(session: Session, ...shape: number[]): Tensor {
  return session.upload(drawn('float32', shape, () => 1));
}

/** A tensor of zeros. */
export function zeros(session: Session, dtype: HostTensor['dtype'], ...shape: number[]): Tensor {
  session.requireTensor(shape, dtype);
  return session.keep(session.backend.empty(shape, dtype));
}

export function disposed(tensor: Tensor): Tensor {
  tensor.dispose();
  return tensor;
}

/** A tensor of the same kind on another backend. */
export function foreign(session: Session, tensor: Tensor): Tensor {
  return session.keep(foreignBackend().empty(tensor.shape, tensor.dtype));
}
