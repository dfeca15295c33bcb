import { type Backend, type BackendFactory, isBackend, isMoeDispatchError } from '@moe-dispatch/core';
import { checkUsable } from '@moe-dispatch/core/backend';
import type { ConformanceCase } from './cases/conformance-case.js';
import { ConformanceError } from './conformance-error.js';
import { describeError } from './describe-error.js';
import type { ConformanceKit } from './kit.js';
import { describeMachine } from './machine.js';
import { detectNativeMemory } from './native-memory.js';
import { type CaseResult, type ConformanceReport, reportedBackend } from './report.js';
import { type Environment, NotClaimed, Session } from './session.js';
import { timeLimitError, withTimeLimit } from './time-limit.js';
import { UlpHistograms } from './ulp-histogram.js';

const LOSSES: ReadonlySet<string> = new Set(['DEVICE_LOST', 'BACKEND_UNAVAILABLE']);

type Ending = Pick<CaseResult, 'status' | 'error' | 'reason'>;

/** What one case gave. */
export interface CaseOutcome {
  readonly result: CaseResult;
  /** How far its floats lay from the oracle. */
  readonly errors: UlpHistograms;
}

/** Runs cases on one backend, and on a new one from the factory if that one is lost or hangs. */
export class CaseRunner {
  /** What the report says of the backend and the machine. */
  readonly header: Pick<ConformanceReport, 'backend' | 'machine'>;
  private readonly factory: BackendFactory | undefined;
  private readonly kit: ConformanceKit;
  /** Undefined if a new one has to be made. */
  private environment: Environment | undefined;

  private constructor(
    header: CaseRunner['header'],
    factory: BackendFactory | undefined,
    kit: ConformanceKit,
    environment: Environment,
  ) {
    this.header = header;
    this.factory = factory;
    this.kit = kit;
    this.environment = environment;
  }

  /** @throws ConformanceError for a backend whose info is no text; what the factory throws. */
  static async create(target: Backend | BackendFactory, kit: ConformanceKit): Promise<CaseRunner> {
    const factory = isBackend(target) ? undefined : target;
    const backend = isBackend(target) ? target : await makeBackend(target);
    const environment = makeEnvironment(backend, factory, kit);
    checkText('name', backend.info.name);
    checkText('device', backend.info.device);
    const driver = await kit.driver?.(backend);
    const header = {
      backend: {
        ...reportedBackend(backend),
        ...(driver === undefined ? {} : { driver }),
        ...(environment.level === undefined ? {} : { level: environment.level }),
      },
      machine: describeMachine(),
    };
    return new CaseRunner(header, factory, kit, environment);
  }

  /**
   * A case that throws, or takes more than `timeout` milliseconds, has failed.
   * @returns undefined if `signal` ended it.
   */
  async run(
    { id, run }: ConformanceCase,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<CaseOutcome | undefined> {
    const started = performance.now();
    let environment = this.environment;
    let session: Session | undefined;
    const attempt = async () => {
      environment = await this.usableEnvironment();
      session = new Session(environment);
      return runInSession(run, session);
    };
    const work = attempt().catch((error) => {
      if (isLoss(error)) this.discard(environment);
      return endingOf(error);
    });
    const ending = await withTimeLimit(work, timeout, signal);
    const outcome = (end: Ending): CaseOutcome => outcomeOf(id, performance.now() - started, session, end);
    if (typeof ending === 'object') {
      if (ending.status === 'failed' && !this.isUsable()) this.discard(this.environment);
      return outcome(ending);
    }
    if (session !== undefined) disposeQuietly(session);
    // The abandoned case may still be at work on it.
    this.discard(this.environment);
    return ending === 'aborted' ? undefined : outcome({ status: 'failed', error: timeLimitError(timeout) });
  }

  /** Disposes the backend, unless it came from outside. One that cannot be disposed fails its own cases. */
  dispose(): void {
    if (this.factory !== undefined && this.environment !== undefined)
      disposeQuietly(this.environment.backend);
    this.environment = undefined;
  }

  private async usableEnvironment(): Promise<Environment> {
    if (this.environment === undefined) {
      const { factory, kit } = this;
      this.environment = makeEnvironment(await makeBackend(factory as BackendFactory), factory, kit);
    }
    checkUsable(this.environment.backend);
    return this.environment;
  }

  /** Not after its device is lost, or after someone disposed it. */
  private isUsable(): boolean {
    try {
      if (this.environment !== undefined) checkUsable(this.environment.backend);
      return true;
    } catch {
      return false;
    }
  }

  /** Makes the next case begin with a new backend. A backend without a factory has to do as it is. */
  private discard(environment: Environment | undefined): void {
    if (this.factory === undefined || environment === undefined || this.environment !== environment) return;
    this.environment = undefined;
    disposeQuietly(environment.backend);
  }
}

/** Reports are made of them. */
function checkText(field: string, found: unknown): void {
  if (typeof found === 'string') return;
  throw new ConformanceError(`backend.info.${field}: expected a text, found ${typeof found}`);
}

async function makeBackend(factory: BackendFactory): Promise<Backend> {
  const made: unknown = await factory.create();
  if (!isBackend(made)) throw new ConformanceError(`the factory '${factory.name}' gave no backend`);
  return made;
}

function makeEnvironment(
  backend: Backend,
  factory: BackendFactory | undefined,
  kit: ConformanceKit,
): Environment {
  const native = kit.nativeMemory?.(backend) ?? detectNativeMemory(backend);
  return { backend, factory, native, level: kit.level?.(backend) };
}

async function runInSession(run: ConformanceCase['run'], session: Session): Promise<Ending> {
  const before = session.backend.memory();
  try {
    await run(session);
  } catch (error) {
    disposeQuietly(session);
    // What was found wrong before stays a failure.
    if (error instanceof NotClaimed && session.differences.length > 0) return { status: 'failed' };
    throw error;
  }
  session.dispose();
  const after = session.backend.memory();
  for (const count of ['liveTensors', 'liveBytes'] as const) {
    const place = { case: 'after the case', tensor: `memory().${count}` };
    session.expectValue(place, after[count], before[count]);
  }
  return { status: session.differences.length === 0 ? 'passed' : 'failed' };
}

function outcomeOf(id: string, ms: number, session: Session | undefined, ending: Ending): CaseOutcome {
  const {
    differences = [],
    notJudged = [],
    routing,
    errors = new UlpHistograms(),
    agreement = {},
  } = session ?? {};
  const skipped = Array.from(notJudged, ([operation, reason]) => ({ operation, reason }));
  const result = {
    id,
    ms,
    // Copied, because an abandoned case may go on adding to them.
    differences: [...differences],
    ...(skipped.length === 0 ? {} : { notJudged: skipped }),
    ...ending,
    ...(routing === undefined ? {} : { routing }),
    ...(Object.keys(agreement).length === 0 ? {} : { agreement }),
  };
  return { result, errors };
}

function disposeQuietly(disposable: { dispose(): void }): void {
  try {
    disposable.dispose();
  } catch {
    // What is wrong with it is in a case's result already.
  }
}

function endingOf(error: unknown): Ending {
  if (error instanceof NotClaimed) return { status: 'not claimed', reason: error.message };
  return { status: 'failed', error: describeError(error) };
}

/** Whether the device is gone, as far as the error and its causes say. */
function isLoss(error: unknown): boolean {
  const seen = new Set<unknown>();
  try {
    for (let cause = error; cause instanceof Error && !seen.has(cause); cause = cause.cause) {
      if (isMoeDispatchError(cause) && LOSSES.has(cause.code)) return true;
      seen.add(cause);
    }
  } catch {
    // An error whose cause cannot be read says nothing.
  }
  return false;
}
