import type { DType } from '@moe-dispatch/core';

/** Of the JSON below. A reader refuses a number that it does not know; fields may be added without a new one. */
export const BENCH_VERSION = 1;

/** A size of moeDispatch. */
export interface Shape {
  readonly tokens: number;
  readonly hidden: number;
  readonly numExperts: number;
  readonly topK: number;
}

/** What one run of `moe-conformance bench` measured. Plain JSON (bench.schema.json). */
export interface BenchReport {
  readonly kind: 'bench';
  readonly version: typeof BENCH_VERSION;
  readonly machine: { readonly runtime: string; readonly platform: string; readonly processor: string };
  /** When it began, ISO 8601. */
  readonly started: string;
  /** Of the rows that are moved. */
  readonly dtype: DType;
  /** What the times include, in words. */
  readonly timing: string;
  readonly backends: readonly BackendBench[];
  readonly unavailable: readonly { readonly backend: string; readonly reason: string }[];
}

export interface BackendBench {
  readonly name: string;
  readonly device: string;
  /** What it is compared with, in words. */
  readonly copy: string;
  readonly rows: readonly BenchRow[];
  readonly leftOut: readonly { readonly shape: Shape; readonly reason: string }[];
}

/** Medians of one shape, in milliseconds a call, and the bytes that must be read and written. */
export interface BenchRow {
  readonly shape: Shape;
  readonly dispatchBytes: number;
  readonly reduceBytes: number;
  readonly copyBytes: number;
  readonly copyMs: number;
  readonly dispatchMs: number;
  readonly reduceMs: number;
}

export function shapeName({ tokens, hidden, numExperts, topK }: Shape): string {
  return `${tokens}, ${hidden}, ${numExperts}, ${topK}`;
}

/** Time over that of a copy of as many bytes. */
export function dispatchRatio({ dispatchMs, dispatchBytes, copyMs, copyBytes }: BenchRow): number {
  return dispatchMs / ((copyMs * dispatchBytes) / copyBytes);
}

/** Time over that of a copy of as many bytes. */
export function reduceRatio({ reduceMs, reduceBytes, copyMs, copyBytes }: BenchRow): number {
  return reduceMs / ((copyMs * reduceBytes) / copyBytes);
}
