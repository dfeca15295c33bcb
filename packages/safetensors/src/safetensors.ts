import { type ArrayOf, DTYPES, type DType } from '@moe-dispatch/core';
import { type Entry, elementCount, LENGTH_BYTES, METADATA, NAME_OF_DTYPE, readHeader } from './header.js';
import { shortenText } from './json-cursor.js';
import { SafetensorsError } from './safetensors-error.js';

/*
 * https://huggingface.co/docs/safetensors: 8 bytes of header length (little endian), a JSON header, the data.
 * The reader trusts nothing: it allocates only after every offset was checked against the file.
 */

/** A tensor in plain memory. */
export interface HostTensor<D extends DType = DType> {
  readonly data: ArrayOf<D>;
  readonly shape: readonly number[];
  readonly dtype: D;
}

/** What a safetensors file holds. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Where the header names a tensor, or `__metadata__`, in bytes; for a name that is not there, where it begins. */
  offsetOf(name: string): number;
}

/**
 * Reads a whole file. The arrays are copies, aligned for their type.
 * @param file its name, for errors
 * @throws SafetensorsError for whatever is wrong with the bytes
 */
export function readSafetensors(bytes: Uint8Array, file: string): SafetensorsFile {
  const { entries, metadata, positions, dataStart } = readHeader(bytes, file);
  const offsetOf = (name: string) => positions.get(name) ?? LENGTH_BYTES;
  checkLayout(
    entries,
    bytes.length - dataStart,
    (name, message) => new SafetensorsError(file, offsetOf(name), `'${shortenText(name)}': ${message}`),
  );
  const tensors = new Map<string, HostTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const data = new DTYPES[dtype].ArrayType(elementCount(shape));
    bytesOf(data).set(bytes.subarray(dataStart + begin, dataStart + end));
    tensors.set(name, { data, shape, dtype });
  }
  return { tensors, metadata, offsetOf };
}

/** Writes a file, with the largest element types first so that all data is aligned. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array<ArrayBuffer> {
  if (tensors.has(METADATA)) throw new TypeError(`a tensor cannot be named ${METADATA}`);
  const entries = [...tensors].sort(([, a], [, b]) => DTYPES[b.dtype].bytes - DTYPES[a.dtype].bytes);
  // Without a prototype, so that a tensor may have any name.
  const header: Record<string, unknown> = Object.create(null);
  if (metadata.size > 0) header[METADATA] = Object.fromEntries(metadata);
  let end = 0;
  for (const [name, { data, shape, dtype }] of entries) {
    const begin = end;
    end += data.byteLength;
    header[name] = { dtype: NAME_OF_DTYPE.get(dtype), shape, data_offsets: [begin, end] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const dataStart = LENGTH_BYTES + Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(dataStart + end).fill(0x20, LENGTH_BYTES, dataStart);
  new DataView(file.buffer).setBigUint64(0, BigInt(dataStart - LENGTH_BYTES), true);
  file.set(json, LENGTH_BYTES);
  let offset = dataStart;
  for (const [, { data }] of entries) {
    file.set(bytesOf(data), offset);
    offset += data.byteLength;
  }
  return file;
}

/** The tensors must fill the data without overlap or gap. */
function checkLayout(
  entries: readonly Entry[],
  dataBytes: number,
  fail: (name: string, message: string) => SafetensorsError,
): void {
  let position = 0;
  let last = METADATA;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (end > dataBytes) throw fail(name, `ends at ${end}, the data has ${dataBytes} bytes`);
    if (begin < position)
      throw fail(name, `begins at ${begin} and overlaps '${shortenText(last)}', which ends at ${position}`);
    if (begin > position)
      throw fail(name, `begins at ${begin}, and no tensor has the bytes from ${position} on`);
    position = end;
    last = name;
  }
  if (position !== dataBytes)
    throw fail(last, `the last tensor ends at ${position}, the data has ${dataBytes} bytes`);
}

/** The bytes of a typed array, shared with it. */
function bytesOf(data: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
