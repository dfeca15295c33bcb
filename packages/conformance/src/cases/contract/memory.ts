import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';

/** What a backend keeps of the memory that it was given back. */
export function memoryCases(): ConformanceCase[] {
  return [
    { id: 'generated/memory/fresh-backend', run: freshBackend },
    { id: 'generated/memory/disposed-backend', run: disposedBackend },
    { id: 'generated/memory/one-size-after-another', run: oneSizeAfterAnother },
  ];
}

/** Nothing was disposed yet, so nothing is kept. */
async function freshBackend(session: Session): Promise<void> {
  const usage = (await session.anotherBackend()).memory();
  for (const count of ['liveTensors', 'liveBytes', 'pooledBytes'] as const) {
    session.expectValue({ case: 'a new backend', tensor: `memory().${count}` }, usage[count], 0);
  }
}

/** A disposed backend keeps nothing, and nothing that is disposed after it. */
async function disposedBackend(session: Session): Promise<void> {
  session.requireTensor([3000], 'float32');
  const backend = await session.anotherBackend();
  const [first, second] = [backend.empty([1000], 'float32'), backend.empty([3000], 'float32')];
  first.dispose();
  backend.dispose();
  const place = (label: string) => ({ case: label, tensor: 'memory().pooledBytes' });
  session.expectValue(place('disposed'), backend.memory().pooledBytes, 0);
  second.dispose();
  session.expectValue(place('a tensor disposed after its backend'), backend.memory().pooledBytes, 0);
}

const MIB = 2 ** 20;
const SIZES = 40;

/**
 * Tensors of 1 to 40 MiB, each disposed before the next: memory for all of them would be 820 MiB. The bound leaves room
 * for drivers that take memory in large pieces.
 */
async function oneSizeAfterAnother(session: Session): Promise<void> {
  session.requireTensor([SIZES * MIB], 'uint8');
  const backend = await session.anotherBackend();
  const bound = 4 * SIZES * MIB + 128 * MIB;
  for (let size = 1; size <= SIZES; size++) {
    backend.empty([(size * MIB) / 4], 'float32').dispose();
  }
  const { pooledBytes } = backend.memory();
  if (pooledBytes <= bound) return;
  const place = { case: 'tensors of 1 to 40 MiB in turn', tensor: 'memory().pooledBytes' };
  session.report([{ ...place, index: [], expected: `at most ${bound}`, found: `${pooledBytes}`, count: 1 }]);
}
