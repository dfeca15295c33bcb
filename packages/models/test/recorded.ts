import { readdirSync, readFileSync } from 'node:fs';
import { type HostTensor, readSafetensors } from '@moe-dispatch/safetensors';
import { parseConfig } from '../src/index.js';

const FOLDER = new URL('../../conformance/fixtures/routers/', import.meta.url);

/** A file of packages/conformance/fixtures/routers: one run of the library's own module. */
export interface Recorded {
  readonly architecture: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** The options of reference.py, those at their defaults left out or not. */
  readonly router: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** All files, by architecture. */
export const RECORDED: ReadonlyMap<string, Recorded> = new Map(
  readdirSync(FOLDER).map((file) => {
    const { tensors, metadata } = readSafetensors(readFileSync(new URL(file, FOLDER)), file);
    const architecture = metadata.get('architecture')!;
    const config = parseConfig(metadata.get('config_json')!) as Record<string, unknown>;
    const router = JSON.parse(metadata.get('router')!);
    return [architecture, { architecture, config, router, tensors }];
  }),
);

/** The rows of a matrix. */
export function rows(tensor: HostTensor | undefined): number[][] {
  if (tensor === undefined) return [];
  const [count, width] = tensor.shape;
  return Array.from({ length: count }, (_, i) =>
    Array.from(tensor.data.subarray(i * width, (i + 1) * width), Number),
  );
}
