import { ResourceError } from '@moe-dispatch/core';
import type { DeviceLimits } from './device-limits.js';
import type { Memory } from './schedule.js';

/** Where the bytes of a tensor or workspace are, whichever buffer that will be. */
export interface View {
  readonly memory: Memory;
  /** Into the buffer, a multiple of 4. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A range of a view's words, small enough for one binding. */
export interface Segment {
  readonly view: View;
  /** The first word, counted from the start of the view, and how many. */
  readonly first: number;
  readonly count: number;
}

/** Where in a buffer a segment is bound. */
export interface BoundRange {
  /** As aligned as the device wants it: the segment may start a little later. */
  readonly offset: number;
  readonly size: number;
  /** What to add to a word's number in the view to get its number in the binding. Can be negative. */
  readonly shift: number;
}

/** Words of a view, the last one perhaps not fully used. */
function wordCount(view: View): number {
  return Math.ceil(view.byteLength / 4);
}

export function wholeView(view: View): Segment {
  return { view, first: 0, count: wordCount(view) };
}

/** Rows `first` to `end - 1` of a view of elements that are words, or have so many bytes: all words with some of them. */
export function rowsOf(view: View, columns: number, first: number, end: number, bytes = 4): Segment {
  const word = Math.floor((first * columns * bytes) / 4);
  return { view, first: word, count: Math.ceil((end * columns * bytes) / 4) - word };
}

/** A workspace that holds those rows only, as if it held all before them too. */
export function cutRows(workspace: View, columns: number, first: number, end: number): Segment {
  const byteOffset = workspace.byteOffset - first * columns * 4;
  return rowsOf({ ...workspace, byteOffset }, columns, first, end);
}

/** Words that fit one binding wherever they start. */
export function wordsPerBinding(limits: DeviceLimits): number {
  return Math.floor((limits.maxStorageBufferBindingSize - limits.minStorageBufferOffsetAlignment) / 4);
}

/** How many rows of words fit one binding wherever they start: at least `least`, or it throws LIMIT_EXCEEDED. */
export function rowsPerBinding(
  limits: DeviceLimits,
  columns: number,
  least: number,
  argument: string,
): number {
  const rows = Math.floor(wordsPerBinding(limits) / columns);
  if (rows >= least) return rows;
  throw new ResourceError('LIMIT_EXCEEDED', {
    argument,
    found: `rows of ${columns * 4} bytes`,
    expected: `${least} or more in maxStorageBufferBindingSize = ${limits.maxStorageBufferBindingSize}, less its alignment`,
  });
}

export function bindSegment({ view, first, count }: Segment, alignment: number): BoundRange {
  const start = view.byteOffset + first * 4;
  const offset = start - (start % alignment);
  const rest = (start - offset) / 4;
  return { offset, size: (rest + count) * 4, shift: rest - first };
}

/** Whether the whole view fits one binding. */
export function fitsBinding(view: View, limits: DeviceLimits): boolean {
  const { minStorageBufferOffsetAlignment, maxStorageBufferBindingSize } = limits;
  return bindSegment(wholeView(view), minStorageBufferOffsetAlignment).size <= maxStorageBufferBindingSize;
}

/** Cuts words `first` to `end - 1` of a view (default: all) into segments that fit one binding each. */
export function segments(view: View, limits: DeviceLimits, first = 0, end = wordCount(view)): Segment[] {
  const alignment = limits.minStorageBufferOffsetAlignment;
  const maximum = limits.maxStorageBufferBindingSize;
  const cuts: Segment[] = [];
  for (let at = first; at < end; ) {
    const rest = ((view.byteOffset + at * 4) % alignment) / 4;
    // All but the last end on an aligned address, so that the next one starts there.
    const most = (maximum - (maximum % alignment)) / 4 - rest;
    const count = (rest + end - at) * 4 <= maximum ? end - at : most;
    cuts.push({ view, first: at, count });
    at += count;
  }
  return cuts;
}
