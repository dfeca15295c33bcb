import { type Backend, type BackendFactory, BackendUnavailableError } from '@moe-dispatch/core';

/** In the order in which they are tried. */
export const BACKEND_NAMES = ['cuda', 'webgpu', 'cpu'] as const;

export type BackendName = (typeof BACKEND_NAMES)[number];

/** The factory of a backend whose package may not be installed; `create` says so. */
export function factoryOf(name: string): BackendFactory {
  return { name, create: async () => (await importFactory(name)).create() };
}

/** Every backend package exports a function of its backend's name, which gives the factory. */
async function importFactory(name: string): Promise<BackendFactory<Backend>> {
  const specifier = `@moe-dispatch/backend-${name}`;
  try {
    const module = await import(specifier);
    return module[name]();
  } catch (cause) {
    if (!isMissing(cause, specifier)) throw cause;
    throw new BackendUnavailableError('BACKEND_UNAVAILABLE', {
      argument: 'package',
      found: 'none installed',
      expected: specifier,
      cause,
    });
  }
}

/** Whether the package itself is missing, and not something that it imports. */
function isMissing(error: unknown, specifier: string): boolean {
  return (
    error instanceof Error &&
    (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' &&
    error.message.includes(`'${specifier}'`)
  );
}
