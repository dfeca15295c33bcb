import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BackendFactory } from '@moe-dispatch/core';

/** `--backend` does not name a backend. */
export class BackendModuleError extends Error {
  override readonly name = 'BackendModuleError';
}

/**
 * The backend factory that `specifier` names: a package (looked for from the working directory, then from here) or a path,
 * with `#export` to choose one of several.
 * @throws BackendModuleError
 */
export async function loadBackend(specifier: string): Promise<BackendFactory> {
  const hash = specifier.indexOf('#');
  const name = hash < 0 ? specifier : specifier.slice(0, hash);
  const module = await importModule(name);
  if (hash < 0) return chooseFactory(name, module);
  const factory = factoryOf(module, specifier.slice(hash + 1));
  if (factory !== undefined) return factory;
  throw new BackendModuleError(`'${specifier}' is no backend factory${exportsOf(module)}`);
}

async function importModule(name: string): Promise<Record<string, unknown>> {
  try {
    return await import(locate(name));
  } catch (error) {
    throw new BackendModuleError(`cannot load '${name}': ${(error as Error).message}`, { cause: error });
  }
}

/** A URL, or the bare name where only the resolution from here is left. */
function locate(name: string): string {
  const path = resolve(name);
  const isPath =
    /^(\.{0,2}[\\/]|[A-Za-z]:)/.test(name) || statSync(path, { throwIfNoEntry: false })?.isFile();
  if (isPath) return pathToFileURL(path).href;
  const require = createRequire(resolve('noop.js'));
  try {
    return pathToFileURL(require.resolve(name)).href;
  } catch (error) {
    const onlyForImport = (error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED';
    const entry = onlyForImport ? importEntry(require.resolve.paths(name) ?? [], name) : undefined;
    return entry === undefined ? name : pathToFileURL(entry).href;
  }
}

/** The main file of a package that exports it for `import` only, which Node can find only from the importing file. */
function importEntry(folders: readonly string[], name: string): string | undefined {
  const folder = folders
    .map((path) => join(path, name))
    .find((path) => existsSync(join(path, 'package.json')));
  if (folder === undefined) return undefined;
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  let target: unknown = exports?.['.'] ?? exports;
  while (typeof target === 'object' && target !== null) {
    const conditions = new Map<string, unknown>(Object.entries(target));
    const key = [...conditions.keys()].find((condition) => ['node', 'import', 'default'].includes(condition));
    target = key === undefined ? undefined : conditions.get(key);
  }
  return typeof target === 'string' ? join(folder, target) : undefined;
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
