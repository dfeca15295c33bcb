import { type Backend, isBackend } from './backend.js';
import { isArray } from './checks/values.js';
import { BackendUnavailableError, describe, invalidArgument } from './errors.js';
import type { Tensor } from './tensor.js';

/** Makes a backend when asked: what `cpu()`, `webgpu()` and `cuda()` return. */
export interface BackendFactory<B = Backend> {
  /** Short name, for messages. */
  readonly name: string;
  /** Returns a working backend, or throws the reason why there is none: preferably a BackendUnavailableError. */
  create(): B | Promise<B>;
}

/** A factory that returned no backend. */
export interface SkippedBackend {
  readonly name: string;
  /** Why, in words. */
  readonly reason: string;
  readonly error: unknown;
}

type MadeBy<F> = F extends BackendFactory<infer B> ? B : never;
type TensorOf<B> = B extends Backend<infer T, never> ? T : Tensor;
type NativeOf<B> = B extends { wrap(native: infer N, ...rest: never): unknown } ? N : never;
type IsUnion<B, Each = B> = Each extends unknown ? ([B] extends [Each] ? false : true) : never;

/** A single kind of backend unchanged; for several, what they have in common. */
export type AnyOf<B> = true extends IsUnion<B> ? Backend<TensorOf<B>, NativeOf<B>> : B;

/**
 * Returns the first backend of the list that works here. Nothing outside the list is ever tried; the result's `skipped`
 * says why the factories before it failed.
 * @returns if the factories are of several kinds, a backend whose methods take what any of them takes; `instanceof`
 *   narrows it to one.
 * @throws BackendUnavailableError NO_BACKEND, with every cause, if none works; InvalidArgumentError.
 */
export async function selectBackend<const F extends readonly BackendFactory<unknown>[]>(
  factories: F,
): Promise<AnyOf<MadeBy<F[number]>>> {
  checkFactories(factories);
  const skipped: SkippedBackend[] = [];
  for (const factory of factories) {
    try {
      const backend = await factory.create();
      if (!isBackend(backend)) throw new Error(`the factory returned ${describe(backend)}, not a backend`);
      (backend as { skipped: readonly SkippedBackend[] }).skipped = skipped;
      return backend as never;
    } catch (error) {
      const reason = error instanceof Error ? error.message : describe(error);
      skipped.push({ name: factory.name, reason, error });
    }
  }
  throw new BackendUnavailableError(
    'NO_BACKEND',
    {
      argument: 'factories',
      found: skipped.map(({ name, reason }) => `${name} (${reason})`).join('; '),
      expected: 'at least one backend that works here',
    },
    skipped.map(({ error }) => error),
  );
}

function checkFactories(factories: unknown): void {
  if (!isArray(factories) || factories.length === 0) {
    throw invalidArgument('factories', factories, 'an array of backend factories, such as [cpu()]');
  }
  factories.forEach((factory, i) => {
    if (!isFactory(factory))
      throw invalidArgument(`factories[${i}]`, factory, 'a backend factory, such as cpu()');
  });
}

function isFactory(value: unknown): boolean {
  try {
    const { create, name } = value as BackendFactory;
    return typeof create === 'function' && typeof name === 'string';
  } catch {
    return false; // null, or a revoked proxy
  }
}
