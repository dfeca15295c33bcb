import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** A package.json and where it lies. */
export interface PackageLocation {
  readonly folder: string;
  readonly json: { readonly name: string; readonly version?: string; readonly exports?: unknown };
}

/**
 * The URL of the module that `name` means: a path, or a package looked for from the working directory, then from here.
 * @throws if there is no such package
 */
export function locateModule(name: string): string {
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
    return entry ?? import.meta.resolve(name);
  }
}

/** The package that a module is a part of. */
export function packageAround(url: string): PackageLocation | undefined {
  if (!url.startsWith('file:')) return undefined;
  let folder = dirname(fileURLToPath(url));
  for (;;) {
    const found = readPackage(folder);
    // One without a name only says how the files beside it are to be read.
    if (found?.json.name !== undefined) return found;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}

/** The URL of the file that a package exports as `subpath` to `import`, if it does. */
export function exportedFile({ folder, json }: PackageLocation, subpath: string): string | undefined {
  const { exports } = json;
  const table = typeof exports === 'object' && exports !== null ? (exports as Record<string, unknown>) : {};
  let target: unknown = table[subpath] ?? (subpath === '.' ? exports : undefined);
  while (typeof target === 'object' && target !== null) {
    const conditions = new Map<string, unknown>(Object.entries(target));
    const key = [...conditions.keys()].find((condition) => ['node', 'import', 'default'].includes(condition));
    target = key === undefined ? undefined : conditions.get(key);
  }
  return typeof target === 'string' ? pathToFileURL(join(folder, target)).href : undefined;
}

/** The main file of a package that exports it for `import` only, which Node can find only from the importing file. */
function importEntry(folders: readonly string[], name: string): string | undefined {
  for (const folder of folders) {
    const found = readPackage(join(folder, name));
    if (found !== undefined) return exportedFile(found, '.');
  }
  return undefined;
}

function readPackage(folder: string): PackageLocation | undefined {
  const file = join(folder, 'package.json');
  return existsSync(file) ? { folder, json: JSON.parse(readFileSync(file, 'utf8')) } : undefined;
}
