import type { ArrayOf, Backend, BackendFactory, DType, Tensor } from '@moe-dispatch/core';
import type { Difference } from './compare.js';
import type { HostTensor } from './host-tensor.js';
import type { NativeMemory } from './native-memory.js';
import type { Routing } from './report.js';
import { UlpHistograms } from './ulp-histogram.js';

/** What a run gives to every case. */
export interface Environment {
  readonly backend: Backend;
  /** Makes further backends, for cases that dispose one. */
  readonly factory: BackendFactory | undefined;
  /** Makes memory that `backend.wrap` takes. */
  readonly native: NativeMemory | undefined;
  /** Of the whole run; a session adds to it what it compares. */
  readonly errors: UlpHistograms;
}

/** Thrown by a case that needs what the backend does not claim: neither passed nor failed. */
export class NotClaimed extends Error {}

/** Larger dispatches make no readable picture, and large reports. */
const DRAWN_TOKENS = 256;
const DRAWN_PAIRS = 4096;

/** One run of one case: what it found, and what it must give back afterwards. */
export class Session {
  readonly differences: Difference[] = [];
  private firstRouting: Routing | undefined;
  private readonly kept: { dispose(): void }[] = [];
  private readonly environment: Environment;

  constructor(environment: Environment) {
    this.environment = environment;
  }

  get backend(): Backend {
    return this.environment.backend;
  }

  get native(): NativeMemory {
    const { native } = this.environment;
    if (native === undefined) throw new NotClaimed('wrap: no `native` memory was given');
    return native;
  }

  /** Another backend of the same kind, disposed with the session. */
  async anotherBackend(): Promise<Backend> {
    const { factory } = this.environment;
    if (factory === undefined) throw new NotClaimed('needs a factory, to make a second backend');
    return this.keep(await factory.create());
  }

  /** A tensor with this content, disposed with the session. */
  upload(host: HostTensor): Tensor {
    this.require(host.dtype);
    return this.keep(this.backend.tensor(host.data, host.shape, host.dtype));
  }

  /** A tensor of memory outside the backend, disposed with the session, and that memory. */
  async wrap(host: HostTensor): Promise<{ tensor: Tensor; read(): Promise<ArrayOf<DType>> }> {
    const { native } = this;
    this.require(host.dtype);
    const memory = await native.make(host.data, host.dtype);
    const backend = this.backend as Backend<Tensor, unknown>;
    const tensor = this.keep(backend.wrap(memory, host.shape, host.dtype));
    return { tensor, read: async () => native.read(memory, host.dtype, host.data.length) };
  }

  /** How far the floats lay from the oracle. */
  get errors(): UlpHistograms {
    return this.environment.errors;
  }

  /** What the first dispatch chose, if that was small enough to draw. */
  get routing(): Routing | undefined {
    return this.firstRouting;
  }

  /**
   * Keeps the choice of the first dispatch for a picture.
   * @param topKIndices [T, K]
   */
  recordRouting(numExperts: number, topK: number, topKIndices: Int32Array): void {
    const tokens = topKIndices.length / topK;
    if (this.firstRouting !== undefined || tokens > DRAWN_TOKENS || topKIndices.length > DRAWN_PAIRS) return;
    const row = (token: number) => Array.from(topKIndices.subarray(token * topK, (token + 1) * topK));
    this.firstRouting = { numExperts, topKIndices: Array.from({ length: tokens }, (_, token) => row(token)) };
  }

  /** A session of its own on the same backend, whose errors count only where `adopt` takes them. */
  fork(): Session {
    return new Session({ ...this.environment, errors: new UlpHistograms() });
  }

  /** Takes over a fork's errors and picture. */
  adopt(fork: Session): void {
    this.errors.merge(fork.errors);
    this.firstRouting ??= fork.routing;
  }

  /** Disposes it with the session. */
  keep<D extends { dispose(): void }>(disposable: D): D {
    this.kept.push(disposable);
    return disposable;
  }

  report(differences: readonly Difference[]): void {
    this.differences.push(...differences);
  }

  /** Reports `found` unless it is `expected`. */
  expectValue(place: { case: string; tensor: string }, found: unknown, expected: unknown): void {
    if (Object.is(found, expected)) return;
    this.report([{ ...place, index: [], expected: String(expected), found: String(found), count: 1 }]);
  }

  /** Ends the case as not claimed unless the backend moves rows of these dtypes. */
  require(...dtypes: readonly DType[]): void {
    for (const dtype of dtypes) {
      if (!this.backend.info.dtypes.includes(dtype)) throw new NotClaimed(`dtype ${dtype}`);
    }
  }

  requireExperts(numExperts: number): void {
    const { maxExperts } = this.backend.info.limits;
    if (numExperts > maxExperts) throw new NotClaimed(`${numExperts} experts; maxExperts is ${maxExperts}`);
  }

  dispose(): void {
    for (const disposable of this.kept.splice(0).reverse()) disposable.dispose();
  }
}
