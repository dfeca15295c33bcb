export const FATBIN: URL;
export const MANIFEST: URL;
export function nvccVersion(): string | undefined;
export function compile(target: string): void;
export function describe(artefact: Uint8Array, nvcc: string): object;
