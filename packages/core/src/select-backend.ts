import { type Backend, isBackend } from './backend.js';
import { BackendUnavailableError, describe, invalid } from './errors.js';

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
    throw invalid('INVALID_ARGUMENT', 'factories', found, 'an array of backend factories, such as [cpu()]');
  }
  factories.forEach((factory, i) => {
    if (typeof factory?.create === 'function' && typeof factory.name === 'string') return;
    throw invalid(
      'INVALID_ARGUMENT',
      `factories[${i}]`,
      describe(factory),
      'a backend factory, such as cpu()',
    );
  });
}
