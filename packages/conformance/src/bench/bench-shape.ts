import {
  type ArrayOf,
  type Backend,
  DTYPES,
  type DType,
  isMoeDispatchError,
  moeDispatch,
  moeReduce,
  permuteRows,
  prepareDispatch,
  type Tensor,
} from '@moe-dispatch/core';
import { detectNativeMemory } from '../native-memory.js';
import type { BackendBench, BenchRow, Shape } from './bench-report.js';
import { medianTime, type Wait, type Work } from './measure.js';
import { copyRows, dispatchBytes, reduceBytes, workingBytes } from './shapes.js';

const MEMCPY = 'memcpy: TypedArray.set of as many bytes, on one thread';
const BACKEND_COPY =
  "a copy of as many bytes by the backend's own permuteRows, with topK 1 and the rows in order, not the device's fastest copy";

export interface BenchOptions {
  readonly dtype: DType;
  /** A shape whose tensors need more bytes together is left out. */
  readonly maxBytes: number;
  /** Awaited before each sample. */
  onSample?(): Promise<void>;
}

/** What a benchmark knows of a backend before its first shape. */
export type BenchHeader = Pick<BackendBench, 'name' | 'device' | 'copy'>;

/** What was measured, or why nothing was. */
export type ShapeResult = { readonly row: BenchRow } | { readonly leftOut: BackendBench['leftOut'][number] };

export function benchHeader(backend: Backend): BenchHeader {
  const { name, device } = backend.info;
  return { name, device, copy: isOnHost(backend) ? MEMCPY : BACKEND_COPY };
}

/** A backend that wraps typed arrays works in the host's memory. */
function isOnHost(backend: Backend): boolean {
  return detectNativeMemory(backend) !== undefined;
}

/**
 * Measures a backend through its public contract: a prepared moeDispatch, moeReduce, and a copy. Work is issued in
 * order, so reading a small result afterwards waits for all of it.
 */
export async function benchShape(
  backend: Backend,
  shape: Shape,
  options: BenchOptions,
): Promise<ShapeResult> {
  const reason = tooLarge(shape, backend, options);
  if (reason !== undefined) return { leftOut: { shape, reason } };
  try {
    return { row: await measureShape(backend, shape, options) };
  } catch (error) {
    // Out of memory, or a limit that `info` does not name.
    if (!isMoeDispatchError(error)) throw error;
    return { leftOut: { shape, reason: error.message } };
  }
}

function tooLarge(shape: Shape, backend: Backend, { dtype, maxBytes }: BenchOptions): string | undefined {
  const { maxTensorBytes, maxExperts } = backend.info.limits;
  const needed = workingBytes(shape, dtype);
  if (needed > maxBytes) return `needs ${mebibytes(needed)} of tensors, more than ${mebibytes(maxBytes)}`;
  const largest = shape.tokens * shape.topK * shape.hidden * DTYPES[dtype].bytes;
  if (largest > maxTensorBytes) {
    return `needs a tensor of ${mebibytes(largest)}; the backend's largest is ${mebibytes(maxTensorBytes)}`;
  }
  if (shape.numExperts > maxExperts)
    return `${shape.numExperts} experts; the backend's maxExperts is ${maxExperts}`;
  return undefined;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

async function measureShape(
  backend: Backend,
  shape: Shape,
  { dtype, onSample }: BenchOptions,
): Promise<BenchRow> {
  const kept: { dispose(): void }[] = [];
  const keep = <D extends { dispose(): void }>(disposable: D): D => {
    kept.push(disposable);
    return disposable;
  };
  try {
    const time = (work: Work, wait: Wait) => medianTime(work, wait, onSample);
    const copyMs = await (isOnHost(backend)
      ? memcpyTime(shape, dtype, time)
      : copyTime(backend, shape, dtype, time));
    const { tokens, hidden, numExperts, topK: moeTopk } = shape;
    const x = keep(backend.tensor(rowsOf(tokens * hidden, dtype), [tokens, hidden], dtype));
    const gating = keep(backend.tensor(gatingValues(tokens * numExperts), [tokens, numExperts], 'float32'));
    const out = keep(moeDispatch(x as Tensor, gating, { moeTopk }));
    const prepared = keep(prepareDispatch(backend, { tokens, hidden, numExperts, dtype, moeTopk }));
    await prepared.ready;
    const reduced = keep(backend.empty([tokens, hidden], dtype));
    const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
    const wait: Wait = () => out.expertOffsets.read();
    return {
      shape,
      dispatchBytes: dispatchBytes(shape, dtype),
      reduceBytes: reduceBytes(shape, dtype),
      copyBytes: 2 * copyRows(shape, dtype) * hidden * DTYPES[dtype].bytes,
      copyMs,
      dispatchMs: await time(() => prepared.run(x, gating, out), wait),
      reduceMs: await time(() => {
        moeReduce(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, { out: reduced });
      }, wait),
    };
  } finally {
    for (const disposable of kept.reverse()) disposable.dispose();
  }
}

type Time = (work: Work, wait: Wait) => Promise<number>;

function memcpyTime(shape: Shape, dtype: DType, time: Time): Promise<number> {
  const source = new Uint8Array(copyRows(shape, dtype) * shape.hidden * DTYPES[dtype].bytes).fill(1);
  // Touched before it is timed: fresh pages cost several times the copy.
  const target = new Uint8Array(source.length).fill(2);
  return time(
    () => target.set(source),
    async () => target[0],
  );
}

async function copyTime(backend: Backend, shape: Shape, dtype: DType, time: Time): Promise<number> {
  const rows = copyRows(shape, dtype);
  const { hidden } = shape;
  const tensors: Tensor[] = [];
  const keep = <T extends Tensor>(tensor: T): T => {
    tensors.push(tensor);
    return tensor;
  };
  try {
    const x = keep(backend.tensor(rowsOf(rows * hidden, dtype), [rows, hidden], dtype));
    const order = Int32Array.from({ length: rows }, (_, i) => i);
    const permuteIndicesPerToken = keep(backend.tensor(order, [1, rows], 'int32'));
    const copy = keep(backend.empty([rows, hidden], dtype));
    const tiny = keep(backend.tensor(new Int32Array(1), [1], 'int32'));
    return await time(
      () => {
        permuteRows<Tensor>(x, { permuteIndicesPerToken }, { out: { permuteInput: copy } });
      },
      () => tiny.read(),
    );
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
}

/** Finite values of mixed bits in any dtype: zeros would be cheaper than what is usual. */
function rowsOf(elements: number, dtype: DType): ArrayOf<DType> {
  const { ArrayType, bytes } = DTYPES[dtype];
  const data = new ArrayType(elements);
  const words = new Uint8Array(data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = i % bytes === bytes - 1 ? 0x3f : (i * 7919) % 251;
  return data;
}

/** The same in each run. */
function gatingValues(elements: number): Float32Array<ArrayBuffer> {
  let state = 1;
  return Float32Array.from({ length: elements }, () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 8 - 4;
  });
}
