import { ConformanceError } from './conformance-error.js';
import type { ConformanceKit } from './kit.js';
import { importModule, isCommand, moduleName } from './load-backend.js';
import { exportedFile, locateModule, packageAround } from './module-location.js';
import { declaredLevel } from './protocol/command-backend.js';

/** The subpath export under which a backend's package has its kit. */
const SUBPATH = './conformance';

/**
 * The kit that comes with a backend: what its package exports as `./conformance`, if anything.
 * @param specifier as for loadBackend: a package, or a path inside one
 * @throws ConformanceError if it exists and is wrong
 */
export async function loadKit(specifier: string): Promise<ConformanceKit> {
  if (isCommand(specifier)) return { level: declaredLevel };
  const source = packageAround(locateModule(moduleName(specifier)));
  const file = source && exportedFile(source, SUBPATH);
  if (file === undefined) return {};
  const { nativeMemory, driver, level } = await importModule(file);
  for (const [name, value] of Object.entries({ nativeMemory, driver, level })) {
    if (value === undefined || typeof value === 'function') continue;
    throw new ConformanceError(`${file}: ${name}: expected a function, found ${typeof value}`);
  }
  return { nativeMemory, driver, level } as ConformanceKit;
}
