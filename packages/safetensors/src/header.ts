import { DTYPES, type DType } from '@moe-dispatch/core';
import { JsonCursor, shortenText } from './json-cursor.js';
import { SafetensorsError } from './safetensors-error.js';

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
export const NAME_OF_DTYPE = new Map([...DTYPE_OF_NAME].map(([name, dtype]) => [dtype, name as string]));

export const LENGTH_BYTES = 8;
/**
 * Room for about 9000 tensors, several times what a shard of today's largest models has. The format's own limit is
 * 100 MB, of which a hostile file could fill each byte with something that takes many in memory.
 */
const MAX_HEADER_BYTES = 2 ** 20;
/** As many as NumPy takes. */
const MAX_DIMENSIONS = 64;
export const METADATA = '__metadata__';

/** A tensor as the header describes it. */
export interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** In the data, in bytes. */
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly entries: readonly Entry[];
  readonly metadata: ReadonlyMap<string, string>;
  /** Where each name stands in the file, that of the metadata too. */
  readonly positions: ReadonlyMap<string, number>;
  /** Where the data begins in the file. */
  readonly dataStart: number;
}

/** @throws SafetensorsError for whatever is wrong with it */
export function readHeader(bytes: Uint8Array, file: string): Header {
  const fail = (position: number, message: string) => new SafetensorsError(file, position, message);
  const dataStart = LENGTH_BYTES + headerLength(bytes, fail);
  const cursor = new JsonCursor(bytes, LENGTH_BYTES, dataStart, fail);
  if (cursor.peek() !== '{') throw fail(LENGTH_BYTES, 'the header is not a JSON object');
  const entries: Entry[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  const positions = cursor.object((name, position) => {
    const failMember = (message: string) => fail(position, `'${shortenText(name)}': ${message}`);
    if (cursor.peek() !== '{') throw failMember('not a JSON object');
    if (name === METADATA) metadata = readMetadata(cursor, failMember);
    else entries.push(readEntry(cursor, name, failMember));
  });
  cursor.finish();
  return { entries, metadata, positions, dataStart };
}

function headerLength(
  bytes: Uint8Array,
  fail: (position: number, message: string) => SafetensorsError,
): number {
  if (bytes.length < LENGTH_BYTES) {
    throw fail(bytes.length, 'the file ends inside the 8 bytes of the header length');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw fail(0, `a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are read`);
  }
  if (LENGTH_BYTES + Number(length) > bytes.length) {
    throw fail(0, `a header of ${length} bytes in a file of ${bytes.length} bytes`);
  }
  return Number(length);
}

type Fail = (message: string) => SafetensorsError;

function readMetadata(cursor: JsonCursor, fail: Fail): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  cursor.object((key) => {
    if (cursor.peek() !== '"') throw fail(`the value of '${shortenText(key)}' is not a string`);
    metadata.set(key, cursor.string());
  });
  return metadata;
}

function readEntry(cursor: JsonCursor, name: string, fail: Fail): Entry {
  const { dtype, shape, offsets, textOf } = readFields(cursor);
  if (dtype === undefined) {
    const known = [...DTYPE_OF_NAME.keys()].join(', ');
    throw fail(`dtype ${textOf.get('dtype')} is not one of ${known}`);
  }
  if (shape === undefined) {
    throw fail(`shape ${textOf.get('shape')} is not an array of at most ${MAX_DIMENSIONS} sizes`);
  }
  if (offsets?.length !== 2 || offsets[0] > offsets[1]) {
    throw fail(`data_offsets ${textOf.get('data_offsets')} is not [begin, end]`);
  }
  const [begin, end] = offsets;
  const byteLength = elementCount(shape) * DTYPES[dtype].bytes;
  if (end - begin !== byteLength) {
    throw fail(
      `shape ${textOf.get('shape')} of ${dtype} takes ${byteLength} bytes, data_offsets ${end - begin}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

interface Fields {
  dtype?: DType | undefined;
  shape?: number[] | undefined;
  offsets?: number[] | undefined;
  /** As the header has them, for messages. */
  readonly textOf: Map<string, string>;
}

function readFields(cursor: JsonCursor): Fields {
  const fields: Fields = { textOf: new Map() };
  cursor.object((field) => {
    const isText = cursor.peek() === '"';
    const start = cursor.position;
    if (field === 'shape') fields.shape = cursor.sizes(MAX_DIMENSIONS);
    else if (field === 'data_offsets') fields.offsets = cursor.sizes(2);
    else if (field === 'dtype' && isText) fields.dtype = DTYPE_OF_NAME.get(cursor.string());
    else cursor.skip();
    if (['dtype', 'shape', 'data_offsets'].includes(field)) fields.textOf.set(field, cursor.textFrom(start));
  });
  return fields;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
