import { type BackendFactory, isMoeDispatchError } from '@moe-dispatch/core';
import { ConformanceError } from './conformance-error.js';
import { describeError, errorText } from './describe-error.js';
import { locateModule } from './module-location.js';
import { COMMAND_PREFIX, commandBackend } from './protocol/command-backend.js';

/** `--backend` does not name a backend. */
export class BackendModuleError extends ConformanceError {
  override readonly name = 'BackendModuleError';
}

/**
 * The backend factory that `specifier` names: a package (looked for from the working directory, then from here) or a path,
 * with `#export` to choose one of several; or, after `command:`, a program that is one (docs/protocol.md).
 * @throws BackendModuleError
 */
export async function loadBackend(specifier: string): Promise<BackendFactory> {
  if (isCommand(specifier)) return commandBackend(specifier.slice(COMMAND_PREFIX.length));
  const name = moduleName(specifier);
  const module = await importModule(name);
  if (name === specifier) return chooseFactory(name, module);
  const factory = factoryOf(module, specifier.slice(name.length + 1));
  if (factory !== undefined) return factory;
  throw new BackendModuleError(`'${specifier}' is no backend factory${exportsOf(module)}`);
}

/** What to throw if a backend cannot be made: an error that says which one and why. */
export function unusable(specifier: string, error: unknown): unknown {
  if (error instanceof ConformanceError || isMoeDispatchError(error)) return error;
  return new ConformanceError(`'${specifier}' does not work here: ${errorText(error)}`, { cause: error });
}

/** Whether it names a program, not a module. */
export function isCommand(specifier: string): boolean {
  return specifier.startsWith(COMMAND_PREFIX);
}

/** `--backend` without `#export`. */
export function moduleName(specifier: string): string {
  return specifier.split('#', 1)[0];
}

/** @throws BackendModuleError */
export async function importModule(name: string): Promise<Record<string, unknown>> {
  try {
    return await import(name.startsWith('file:') ? name : locateModule(name));
  } catch (error) {
    throw new BackendModuleError(`cannot load '${name}': ${describeError(error).message}`, { cause: error });
  }
}

/** The export named like the last part of the package's name (`cpu` of backend-cpu), or the only one that is a factory. */
function chooseFactory(name: string, module: Record<string, unknown>): BackendFactory {
  const conventional = factoryOf(module, name.split(/[-/]/).pop()!) ?? factoryOf(module, 'default');
  if (conventional !== undefined) return conventional;
  const factories = Object.keys(module).flatMap((key) => factoryOf(module, key) ?? []);
  if (factories.length === 1) return factories[0];
  throw new BackendModuleError(`'${name}': name the export, as in '${name}#cpu'${exportsOf(module)}`);
}

/** The factory that an export is, or returns when called without arguments. */
function factoryOf(module: Record<string, unknown>, key: string): BackendFactory | undefined {
  const value = module[key];
  if (isFactory(value)) return value;
  const isClass = typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
  if (typeof value !== 'function' || isClass) return undefined;
  try {
    const made: unknown = value();
    return isFactory(made) ? made : undefined;
  } catch {
    // A function that wants arguments is not a factory's.
    return undefined;
  }
}

function exportsOf(module: Record<string, unknown>): string {
  return `; the module exports ${Object.keys(module).join(', ') || 'nothing'}`;
}

function isFactory(value: unknown): value is BackendFactory {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as BackendFactory).create === 'function' &&
    typeof (value as BackendFactory).name === 'string'
  );
}
