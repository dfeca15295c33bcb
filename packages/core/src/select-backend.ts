import { type Backend, isBackend } from './backend.js';
import { checkObject } from './checks/routing.js';
import { BackendUnavailableError, describe, InvalidArgumentError } from './errors.js';

/** Makes a backend when asked: what `cpu()`, `webgpu()` and `cuda()` return. */
export interface BackendFactory<B = Backend> {
  /** Short name, for messages. */
  readonly name: string;
  /** Gives a working backend, or throws what stands in the way: best a BackendUnavailableError. */
  create(): B | Promise<B>;
}

/** A factory that gave no backend. */
export interface SkippedBackend {
  readonly name: string;
  /** What stood in the way, for people. */
  readonly reason: string;
  readonly error: unknown;
}

/**
 * Gives the first backend of the list that works here. Nothing outside the list is ever tried, and what was passed
 * over is in the result's `skipped`.
 * @throws BackendUnavailableError NO_BACKEND, with every cause, where none works; InvalidArgumentError.
 */
export async function selectBackend<const F extends readonly BackendFactory<unknown>[]>(
  factories: F,
): Promise<F[number] extends BackendFactory<infer B> ? B : never> {
  checkFactories(factories);
  const skipped: SkippedBackend[] = [];
  for (const factory of factories) {
    try {
      const backend = await factory.create();
      if (!isBackend(backend)) throw new Error(`the factory gave ${describe(backend)}, not a backend`);
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
  if (!Array.isArray(factories) || factories.length === 0) {
    const found = Array.isArray(factories) ? 'an empty array' : describe(factories);
    const expected = 'an array of backend factories, such as [cpu()]';
    throw new InvalidArgumentError('INVALID_ARGUMENT', { argument: 'factories', found, expected });
  }
  for (let i = 0; i < factories.length; i++) {
    const argument = `factories[${i}]`;
    const expected = 'a backend factory, such as cpu()';
    checkObject(argument, factories[i], expected);
    if (typeof factories[i].create === 'function' && typeof factories[i].name === 'string') continue;
    throw new InvalidArgumentError('INVALID_ARGUMENT', { argument, found: describe(factories[i]), expected });
  }
}
