import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConformanceError } from './conformance-error.js';
import type { FixtureSource } from './fixtures.js';

const EXTENSION = '.safetensors';

/** @throws ConformanceError if the folder cannot be read or holds no fixture */
export async function folderFixtures(folder: string): Promise<FixtureSource> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (error) {
    throw new ConformanceError(`--fixtures: ${(error as Error).message}`);
  }
  const names = files
    .filter((file) => file.endsWith(EXTENSION))
    .map((file) => file.slice(0, -EXTENSION.length))
    .sort();
  if (names.length === 0) throw new ConformanceError(`--fixtures: no ${EXTENSION} file in '${folder}'`);
  return { names, load: (name) => readRegularFile(join(folder, `${name}${EXTENSION}`)) };
}

/** A pipe would be waited for for ever, by a thread that all files are read with. */
async function readRegularFile(file: string): Promise<Uint8Array> {
  if (!(await stat(file)).isFile())
    throw new ConformanceError(`${file}: expected a file, found something else`);
  return readFile(file);
}
