import { type Backend, DTYPES, type DType } from '@moe-dispatch/core';
import { ConformanceError } from './conformance-error.js';

/** What a backend claims to do. Plain JSON. A case that needs more is not claimed; a claim that does not hold fails. */
export interface CapabilityManifest {
  /** The dtypes whose rows it moves; float32, int32 and int64, which every dispatch needs, among them. */
  readonly dtypes: readonly DType[];
  /** Largest number of experts. */
  readonly maxExperts: number;
  /** Largest number of choices a token (K). */
  readonly maxTopK: number;
  /** Largest tensor in bytes. */
  readonly maxTensorBytes: number;
  /** Whether `backend.wrap` borrows memory of the caller's. */
  readonly wrap: boolean;
  /** Whether `prepareDispatch` works. */
  readonly prepareDispatch: boolean;
}

/**
 * The claims of one backend, nothing left out: what its author does not state is what `backend.info` says, K up to the
 * number of experts, and yes.
 * @param canWrap whether there is memory to try `wrap` with.
 */
export function resolveManifest(
  backend: Backend,
  stated: Partial<CapabilityManifest>,
  canWrap: boolean,
): CapabilityManifest {
  const { dtypes, limits } = backend.info;
  const maxExperts = stated.maxExperts ?? limits.maxExperts;
  return {
    dtypes: [...(stated.dtypes ?? dtypes)],
    maxExperts,
    maxTopK: stated.maxTopK ?? maxExperts,
    maxTensorBytes: stated.maxTensorBytes ?? limits.maxTensorBytes,
    wrap: stated.wrap ?? canWrap,
    prepareDispatch: stated.prepareDispatch ?? true,
  };
}

/** Of gating values and scales, of indices, of counts: without one of them there is no dispatch. */
const NEEDED: readonly DType[] = ['float32', 'int32', 'int64'];

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
const isBoolean = (value: unknown) => typeof value === 'boolean';
const isDTypes = (value: unknown) =>
  Array.isArray(value) &&
  value.every((dtype) => Object.hasOwn(DTYPES, dtype)) &&
  NEEDED.every((dtype) => value.includes(dtype));

const FIELDS: Record<keyof CapabilityManifest, readonly [check: (value: unknown) => boolean, what: string]> =
  {
    dtypes: [isDTypes, `an array of ${Object.keys(DTYPES).join(', ')}, with ${NEEDED.join(', ')} among them`],
    maxExperts: [isCount, 'a positive integer'],
    maxTopK: [isCount, 'a positive integer'],
    maxTensorBytes: [isCount, 'a positive integer'],
    wrap: [isBoolean, 'true or false'],
    prepareDispatch: [isBoolean, 'true or false'],
  };

/**
 * @param where named in the error.
 * @throws ConformanceError where a field is unknown, of the wrong kind, or leaves nothing to check.
 */
export function checkManifest(
  manifest: unknown,
  where: string,
): asserts manifest is Partial<CapabilityManifest> {
  if (typeof manifest !== 'object' || manifest === null) {
    throw new ConformanceError(`${where}: expected an object, found ${String(manifest)}`);
  }
  for (const [key, value] of Object.entries(manifest)) {
    if (!Object.hasOwn(FIELDS, key)) {
      throw new ConformanceError(
        `${where}.${key}: no such field; there are ${Object.keys(FIELDS).join(', ')}`,
      );
    }
    const [check, what] = FIELDS[key as keyof CapabilityManifest];
    if (!check(value)) {
      throw new ConformanceError(`${where}.${key}: expected ${what}, found ${JSON.stringify(value)}`);
    }
  }
}
