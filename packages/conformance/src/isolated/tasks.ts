import { type Backend, selectBackend } from '@moe-dispatch/core';
import { benchHeader, benchShape } from '../bench/bench-shape.js';
import { compareCalls, comparisonHeader } from '../compare-backends.js';
import { ConformanceError } from '../conformance-error.js';
import type { DescribedError } from '../describe-error.js';
import { diagnose } from '../doctor/diagnose-here.js';
import { hashOutputs } from '../hash-outputs.js';
import { loadBackend, unusable } from '../load-backend.js';
import { NotClaimed } from '../session.js';
import type { TaskName, Tasks } from './messages.js';
import { runCases } from './run-cases.js';

/** How a task tells its parent what happens. Each of these is awaited, so that it is sent before what may block. */
export interface Channel<T extends TaskName> {
  ready(header: Tasks[T]['header']): Promise<void>;
  /** The time limit counts from here. */
  begin(index: number): Promise<void>;
  result(result: Tasks[T]['result']): Promise<void>;
  /** What the backend threw outside of any call since it was last asked. */
  takeUncaught(): Promise<DescribedError | undefined>;
}

type Run<T extends TaskName> = (input: Tasks[T]['input'], channel: Channel<T>) => Promise<void>;

/** What each task does in its process. */
export const TASKS: { readonly [T in TaskName]: Run<T> } = {
  run: runCases,

  async diagnose(backend, channel) {
    const diagnosis = await diagnose(backend);
    await checkUncaught(channel);
    await channel.result(diagnosis);
  },

  async compare({ backends, ...options }, channel) {
    const pair = [await openBackend(backends[0]), await openBackend(backends[1])] as const;
    await channel.ready(comparisonHeader(pair));
    let index = 0;
    const onAttempt = () => channel.begin(index);
    await compareCalls(pair, { ...options, onAttempt }, async (outcome) => {
      await checkUncaught(channel);
      await channel.result(outcome);
      index += 1;
    });
    for (const backend of pair) backend.dispose();
  },

  async bench({ backend: module, shapes, ...options }, channel) {
    const backend = await openBackend(module);
    await channel.ready(benchHeader(backend));
    for (const [index, shape] of shapes.entries()) {
      await channel.begin(index);
      const result = await benchShape(backend, shape, { ...options, onSample: () => channel.begin(index) });
      await checkUncaught(channel);
      await channel.result(result);
    }
    backend.dispose();
  },

  async hash({ backend: module, cases, seed }, channel) {
    const backend = await openBackend(module);
    await channel.ready({});
    for (let done = 0; done < cases; done += HASHED_TOGETHER) {
      const [first, count] = [seed + done, Math.min(HASHED_TOGETHER, cases - done)];
      const hash = await hashOutputs(backend, first, count, () => channel.begin(done)).catch((error) => {
        throw error instanceof NotClaimed
          ? new ConformanceError(`the backend does not claim ${error.message}`)
          : error;
      });
      await checkUncaught(channel);
      await channel.result(`${first} to ${first + count - 1}: ${hash}`);
    }
    backend.dispose();
  },
};

const HASHED_TOGETHER = 1000;

/** @throws ConformanceError or an error of core, which say why there is none */
async function openBackend(specifier: string): Promise<Backend> {
  try {
    // selectBackend words the reason why a backend is not available.
    return await selectBackend([await loadBackend(specifier)]);
  } catch (error) {
    throw unusable(specifier, error);
  }
}

async function checkUncaught(channel: Channel<TaskName>): Promise<void> {
  const error = await channel.takeUncaught();
  if (error === undefined) return;
  throw new ConformanceError(`outside of any call, a backend threw ${error.name}: ${error.message}`);
}
