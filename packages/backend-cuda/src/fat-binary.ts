import { readFileSync } from 'node:fs';

const FOLDER = new URL('../fatbin/', import.meta.url);

/** What is said about the fat binary in its manifest (scripts/build-fatbin.mjs makes both). */
export interface FatBinaryManifest {
  readonly nvcc: string;
  readonly flags: readonly string[];
  /** Compute capabilities with machine code, 90 for 9.0. */
  readonly architectures: readonly number[];
  /** The one whose PTX later devices compile from. */
  readonly ptx: number;
  /** SHA-256 of each source file. */
  readonly sources: Readonly<Record<string, string>>;
  readonly artefact: { readonly bytes: number; readonly sha256: string };
}

export function readManifest(): FatBinaryManifest {
  return JSON.parse(readFileSync(new URL('manifest.json', FOLDER), 'utf8'));
}

export function readFatBinary(): Uint8Array {
  return readFileSync(new URL('kernels.fatbin', FOLDER));
}

/** Machine code runs on later minor versions of its major one; PTX on all that is later. */
export function fatBinaryCovers(capability: number): boolean {
  const { architectures, ptx } = readManifest();
  const major = Math.floor(capability / 10);
  const hasCode = architectures.some((each) => Math.floor(each / 10) === major && each <= capability);
  return hasCode || capability >= ptx;
}
