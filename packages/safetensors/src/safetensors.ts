import { type ArrayOf, DTYPES, type DType } from '@moe-dispatch/core';
import { type Keys, MAX_DEPTH, scanKeys } from './json-keys.js';

/*
 * https://huggingface.co/docs/safetensors: 8 bytes of header length (little endian), a JSON header, the data.
 * The reader trusts nothing: it allocates only after every offset was checked against the file.
 */

/** A file that is not valid safetensors. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly file: string;
  /** Where in the file, in bytes. */
  readonly offset: number;

  constructor(file: string, offset: number, message: string) {
    super(`${file}, byte ${offset}: ${message}`);
    this.file = file;
    this.offset = offset;
  }
}

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

const DTYPE_OF_NAME: ReadonlyMap<unknown, DType> = new Map([
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I32', 'int32'],
  ['I64', 'int64'],
  ['I8', 'int8'],
  ['U8', 'uint8'],
  ['F8_E4M3', 'float8_e4m3fn'],
  ['F8_E5M2', 'float8_e5m2'],
]);
const NAME_OF_DTYPE = new Map([...DTYPE_OF_NAME].map(([name, dtype]) => [dtype, name as string]));

const LENGTH_BYTES = 8;
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = '__metadata__';

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a whole file. The arrays are copies, aligned for their type.
 * @param file its name, for errors
 * @throws SafetensorsError for whatever is wrong with the bytes
 */
export function readSafetensors(bytes: Uint8Array, file: string): SafetensorsFile {
  const { text, dataStart } = readHeader(bytes, file);
  const { header, positions } = parseHeader(text, file);
  const offsetOf = (name: string) => byteOffset(text, positions.get(name) ?? 0);
  const fail = (name: string, message: string) =>
    new SafetensorsError(file, offsetOf(name), `'${shortenText(name)}': ${message}`);
  const entries: Entry[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) metadata = checkMetadata(value, (message) => fail(name, message));
    else entries.push(checkEntry(name, value, (message) => fail(name, message)));
  }
  checkLayout(entries, bytes.length - dataStart, fail);
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

function readHeader(bytes: Uint8Array, file: string): { text: string; dataStart: number } {
  const fail = (offset: number, message: string) => new SafetensorsError(file, offset, message);
  if (bytes.length < LENGTH_BYTES) {
    throw fail(bytes.length, 'the file ends inside the 8 bytes of the header length');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw fail(0, `a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are read`);
  }
  const dataStart = LENGTH_BYTES + Number(length);
  if (dataStart > bytes.length) {
    throw fail(0, `a header of ${length} bytes in a file of ${bytes.length} bytes`);
  }
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return { text: decoder.decode(bytes.subarray(LENGTH_BYTES, dataStart)), dataStart };
  } catch {
    throw fail(LENGTH_BYTES, 'the header is not valid UTF-8');
  }
}

function parseHeader(text: string, file: string): Pick<Keys, 'positions'> & { header: object } {
  const fail = (offset: number, message: string) => new SafetensorsError(file, offset, message);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw fail(LENGTH_BYTES, `the header is not valid JSON: ${(error as Error).message}`);
  }
  if (!isObject(header)) throw fail(LENGTH_BYTES, 'the header is not a JSON object');
  const { positions, duplicate, tooDeep } = scanKeys(text);
  if (tooDeep !== undefined) {
    throw fail(byteOffset(text, tooDeep), `the header nests more than ${MAX_DEPTH} objects and arrays`);
  }
  if (duplicate !== undefined) {
    throw fail(byteOffset(text, duplicate.position), `'${shortenText(duplicate.key)}' comes twice`);
  }
  return { header, positions };
}

type Fail = (message: string) => SafetensorsError;

function byteOffset(text: string, position: number): number {
  return LENGTH_BYTES + new TextEncoder().encode(text.slice(0, position)).length;
}

function checkMetadata(value: unknown, fail: Fail): ReadonlyMap<string, string> {
  if (!isObject(value)) throw fail('not a JSON object');
  const entries: [string, unknown][] = Object.entries(value);
  for (const [key, text] of entries) {
    if (typeof text !== 'string') throw fail(`the value of '${shortenText(key)}' is not a string`);
  }
  return new Map(entries as [string, string][]);
}

function checkEntry(name: string, value: unknown, fail: Fail): Entry {
  if (!isObject(value)) throw fail('not a JSON object');
  const fields = new Map<string, unknown>(Object.entries(value));
  const dtype = DTYPE_OF_NAME.get(fields.get('dtype'));
  if (dtype === undefined) {
    const known = [...DTYPE_OF_NAME.keys()].join(', ');
    throw fail(`dtype ${shorten(fields.get('dtype'))} is not one of ${known}`);
  }
  const shape = fields.get('shape');
  if (!isSizes(shape)) throw fail(`shape ${shorten(shape)} is not an array of sizes`);
  const offsets = fields.get('data_offsets');
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw fail(`data_offsets ${shorten(offsets)} is not [begin, end]`);
  }
  const [begin, end] = offsets;
  const byteLength = elementCount(shape) * DTYPES[dtype].bytes;
  if (end - begin !== byteLength) {
    throw fail(`shape ${shorten(shape)} of ${dtype} takes ${byteLength} bytes, data_offsets ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
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

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The bytes of a typed array, shared with it. */
function bytesOf(data: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** @param value nested no deeper than MAX_DEPTH */
function shorten(value: unknown): string {
  return shortenText(JSON.stringify(value) ?? 'undefined');
}

/** For messages: what a file holds may be long. */
function shortenText(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
