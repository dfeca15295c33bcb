import {
  type ArrayOf,
  type Backend,
  type BackendFactory,
  type BackendInfo,
  DTYPES,
  type DType,
  type OperationName,
  type Tensor,
} from '@moe-dispatch/core';
import type { Difference } from './compare.js';
import { bytesOf, elementCount, type HostTensor, hostTensor } from './host-tensor.js';
import { type Agreement, type Level, worse } from './levels/levels.js';
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
  /** How near its routing has to come. Default: as `exact` says. */
  readonly level?: Level | undefined;
}

/** What a call is as large as. */
export interface Sizes {
  readonly numExperts: number;
  readonly topK: number;
  readonly tokens?: number;
  /** Elements in a row. */
  readonly hidden?: number;
  /** Of the rows; default float32. */
  readonly dtype?: DType;
}

/** Thrown by a case that needs what the backend does not claim: neither passed nor failed. */
export class NotClaimed extends Error {}

/** Larger dispatches make no readable picture, and large reports. */
const DRAWN_TOKENS = 256;
const DRAWN_PAIRS = 4096;

/** One run of one case: what it found, and what it must give back afterwards. */
export class Session {
  readonly differences: Difference[] = [];
  /** How far the floats lay from the oracle. */
  readonly errors = new UlpHistograms();
  /** Stages that could not be judged, and why: what they were given was wrong. */
  readonly notJudged = new Map<OperationName, string>();
  /** The backend under test, and further ones of this case. */
  readonly backends: Backend[];
  private firstRouting: Routing | undefined;
  private reached: Agreement = {};
  private readonly kept: { dispose(): void }[] = [];
  private readonly environment: Environment;

  constructor(environment: Environment) {
    this.environment = environment;
    this.backends = [environment.backend];
  }

  get backend(): Backend {
    return this.backends[0];
  }

  /** Whether its weights and sums have to be exact. */
  get isExact(): boolean {
    return this.claims.exact;
  }

  /** The level that the backend declares, if it is lower than what `exact` says. */
  get level(): Level | undefined {
    return this.environment.level;
  }

  /** What its calls have reached so far. */
  get agreement(): Agreement {
    return this.reached;
  }

  /** Notes what a call reaches. */
  noteAgreement(agreement: Agreement): void {
    this.reached = worse(this.reached, agreement);
  }

  /** What the backend claims: a case that needs more is not claimed. */
  get claims(): BackendInfo {
    return this.backend.info;
  }

  get native(): NativeMemory {
    const { native } = this.environment;
    if (!this.claims.wrap) throw new NotClaimed('wrap');
    if (native !== undefined) return native;
    throw new NotClaimed('wrap, of memory that only a nativeMemory of its kit could make');
  }

  /** Another backend of the same kind, disposed with the session. */
  async anotherBackend(): Promise<Backend> {
    const { factory } = this.environment;
    if (factory === undefined) throw new NotClaimed('needs a factory, to make a second backend');
    const backend = this.keep(await factory.create());
    this.backends.push(backend);
    return backend;
  }

  /** A tensor with this content, disposed with the session. */
  upload(host: HostTensor): Tensor {
    this.requireTensor(host.shape, host.dtype);
    return this.keep(this.backend.tensor(host.data, host.shape, host.dtype));
  }

  /**
   * A tensor of memory outside the backend, disposed with the session, and that memory.
   * @param before elements that the memory has before the tensor's, with bytes of 0xa5
   * @param behind elements that it has behind them
   */
  async wrap(
    host: HostTensor,
    { before = 0, behind = 0 } = {},
  ): Promise<{ tensor: Tensor; read(): Promise<ArrayOf<DType>> }> {
    const { native } = this;
    const elements = before + host.data.length + behind;
    this.requireTensor([elements], host.dtype);
    const { data } = hostTensor(host.dtype, [elements]);
    bytesOf(data).fill(0xa5);
    (data as Uint8Array).set(host.data as Uint8Array, before);
    const memory = await native.make(data, host.dtype);
    const backend = this.backend as unknown as Backend<Tensor, unknown>;
    const options = before === 0 ? {} : { byteOffset: before * DTYPES[host.dtype].bytes };
    const tensor = this.keep(backend.wrap(memory, host.shape, host.dtype, options));
    return { tensor, read: async () => native.read(memory, host.dtype, elements) };
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

  /**
   * A separate session, whose errors count only if `adopt` takes them.
   * @param backend which it is on; this session's by default
   */
  fork(backend = this.backend): Session {
    return new Session({ ...this.environment, backend });
  }

  /** Takes over a fork's errors and picture. */
  adopt(fork: Session): void {
    this.errors.merge(fork.errors);
    this.noteAgreement(fork.agreement);
    for (const [operation, reason] of fork.notJudged) this.skipJudging(operation, reason);
    this.firstRouting ??= fork.routing;
  }

  /** Notes, once for each stage, that it was not judged. */
  skipJudging(operation: OperationName, reason: string): void {
    if (!this.notJudged.has(operation)) this.notJudged.set(operation, reason);
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

  /** Ends the case as not claimed unless the backend claims to move rows of these dtypes. */
  require(...dtypes: readonly DType[]): void {
    for (const dtype of dtypes) {
      if (!this.claims.dtypes.includes(dtype)) throw new NotClaimed(`dtype ${dtype}`);
    }
  }

  /** Ends the case as not claimed unless the backend claims tensors of this dtype and size. */
  requireTensor(shape: readonly number[], dtype: DType): void {
    this.require(dtype);
    const bytes = elementCount(shape) * DTYPES[dtype].bytes;
    const { maxTensorBytes } = this.claims.limits;
    if (bytes > maxTensorBytes) {
      throw new NotClaimed(`a tensor of ${bytes} bytes; maxTensorBytes is ${maxTensorBytes}`);
    }
  }

  /** Ends the case as not claimed unless the backend claims so many experts and choices, and tensors as large. */
  requireSizes({ numExperts, topK, tokens = 0, hidden = 0, dtype = 'float32' }: Sizes): void {
    const { maxExperts, maxTopK = maxExperts } = this.claims.limits;
    if (numExperts > maxExperts) throw new NotClaimed(`${numExperts} experts; maxExperts is ${maxExperts}`);
    if (topK > maxTopK) throw new NotClaimed(`${topK} choices per token; maxTopK is ${maxTopK}`);
    this.requireTensor([numExperts], 'int64');
    this.requireTensor([topK * tokens, hidden], dtype);
  }

  /** Ends the case as not claimed unless the backend's weights and sums are exact. */
  requireExact(): void {
    if (!this.isExact) throw new NotClaimed('exact weights and sums');
  }

  /** The same for a choice that may depend on the last bit of a score: up to ties, others are as right. */
  requireExactRouting(): void {
    if (this.level !== 'same up to ties') this.requireExact();
  }

  /** Ends the case as not claimed unless the backend claims these operations. */
  requireOperations(...operations: readonly OperationName[]): void {
    for (const operation of operations) {
      if (!this.claims.operations.includes(operation)) throw new NotClaimed(operation);
    }
  }

  /** Disposes everything, even if some of it throws. @throws the first error of those */
  dispose(): void {
    const errors: unknown[] = [];
    for (const disposable of this.kept.splice(0).reverse()) {
      try {
        disposable.dispose();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
