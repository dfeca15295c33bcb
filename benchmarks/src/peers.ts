import { createRequire } from 'node:module';
import type { CpuTensor } from '@moe-dispatch/backend-cpu';
import { rowValues, type workOf } from './cpu-work.js';
import type { Work } from './measure.js';
import { gatingValues, type Shape } from './shapes.js';

/** Where other implementations are installed, each a module that makes {@link PeerWork} for a size. */
const ADAPTERS = new URL('../../adapters/', import.meta.url);
const PACKAGES = {
  onnxruntime: 'onnxruntime-node',
  tfjs: '@tensorflow/tfjs-backend-wasm',
} as const;
type PeerName = keyof typeof PACKAGES;

/** Dispatch and reduce composed of another library's operators. */
interface PeerWork {
  readonly dispatch: Work;
  readonly reduce: Work;
  /** What they gave. */
  results(): Promise<{ permuteInput: Float32Array; output: Float32Array }>;
  dispose(): unknown;
}

/** Sizes and inputs of a call, and what reduce starts from. */
export interface PeerCall extends Shape {
  threads: number;
  x: Float32Array;
  gating: Float32Array;
  permuteInput: Float32Array;
  expertScalesFloat: Float32Array;
  permuteIndicesPerToken: Int32Array;
}

/** Another library, in its pinned version. */
export interface Peer {
  name: PeerName;
  title: string;
  /** The most rows that it is asked to move. Default any number. */
  mostChoices?: number;
  make(call: PeerCall): Promise<PeerWork>;
}

/** Those that are installed; says which are not. */
export async function loadPeers(): Promise<Peer[]> {
  const peers: Peer[] = [];
  const { resolve } = createRequire(ADAPTERS);
  for (const name of Object.keys(PACKAGES) as PeerName[]) {
    try {
      resolve(PACKAGES[name]);
    } catch {
      console.log(`${PACKAGES[name]} is not installed: npm ci --ignore-scripts in adapters/\n`);
      continue;
    }
    peers.push({ name, ...(await import(new URL(`speed/${name}.mjs`, ADAPTERS).href)) });
  }
  return peers;
}

/** A peer's work for a size, after a look at what it computes. */
export async function peerWork(peer: Peer, size: Shape, own: ReturnType<typeof workOf>) {
  const { out, sums, reduce } = own;
  reduce();
  const permuteInput = floats(out.permuteInput);
  const work = await peer.make({
    ...size,
    threads: 2,
    x: rowValues(size),
    gating: gatingValues(size),
    permuteInput,
    expertScalesFloat: floats(out.expertScalesFloat),
    permuteIndicesPerToken: out.permuteIndicesPerToken.data as Int32Array,
  });
  await work.dispatch();
  await work.reduce();
  const found = await work.results();
  const same =
    areNear(found.permuteInput, permuteInput, 0) && areNear(found.output, floats(sums.output), 1e-5);
  if (!same) throw new Error(`${peer.title} gives other results`);
  return work;
}

function floats(tensor: CpuTensor): Float32Array {
  return tensor.data as Float32Array;
}

function areNear(found: Float32Array, expected: Float32Array, distance: number): boolean {
  return found.length === expected.length && found.every((v, i) => Math.abs(v - expected[i]) <= distance);
}
