import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { packageFixtures, parseGolden } from '@moe-dispatch/conformance';
import { type HostTensor, readSafetensors } from '@moe-dispatch/safetensors';
import type { DemoOptions } from './options.js';

/** What is dispatched, and how. */
export interface DemoInput {
  readonly title: string;
  readonly x: HostTensor;
  readonly gating: HostTensor;
  readonly routing: { readonly moeTopk: number; readonly groupMoe: boolean; readonly topkOnlyMode: boolean };
  /** SHA-256 of the permuted bytes that Paddle's kernel gave, where it is known for this routing. */
  readonly goldenSha256: string | undefined;
}

const EXAMPLE = 'doc-example-softmax';
const DEFAULT_TOP_K = 6;

/** A file that cannot be read, written or used. */
export class FileError extends Error {}

/** @throws FileError, SafetensorsError */
export function loadInput(options: DemoOptions): Promise<DemoInput> {
  return options.input === undefined ? loadExample(options) : loadFile(options.input, options);
}

async function loadExample(options: DemoOptions): Promise<DemoInput> {
  const [call] = parseGolden(await packageFixtures.load(EXAMPLE), EXAMPLE);
  const { x, gatingOutput: gating } = call.inputs as Record<'x' | 'gatingOutput', HostTensor>;
  const routing = routingOf(options, gating);
  const same =
    routing.moeTopk === call.options.moeTopk &&
    routing.groupMoe === call.options.groupMoe &&
    routing.topkOnlyMode === call.options.topkOnlyMode;
  const goldenSha256 = same ? call.hashes.permuteInput : undefined;
  return { title: 'the documentation example', x, gating, routing, goldenSha256 };
}

async function loadFile(path: string, options: DemoOptions): Promise<DemoInput> {
  const { tensors } = readSafetensors(await readBytes(path), path);
  const tensor = (name: string): HostTensor => {
    const found = tensors.get(name);
    if (found !== undefined) return found;
    const names = [...tensors.keys()].join(', ') || 'no tensor';
    throw new FileError(`${path}: expected the tensors x and gating_output, found ${names}`);
  };
  const [x, gating] = [tensor('x'), tensor('gating_output')];
  return { title: basename(path), x, gating, routing: routingOf(options, gating), goldenSha256: undefined };
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new FileError(`--input ${path}: ${(error as Error).message}`);
  }
}

function routingOf({ topK, group, topkOnly }: DemoOptions, gating: HostTensor): DemoInput['routing'] {
  const numExperts = gating.shape.at(-1) ?? 0;
  return {
    moeTopk: topK ?? Math.min(DEFAULT_TOP_K, numExperts),
    groupMoe: group,
    topkOnlyMode: topkOnly,
  };
}
