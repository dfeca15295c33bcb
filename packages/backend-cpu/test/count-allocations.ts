import { type HeapProfiler, Session } from 'node:inspector/promises';

/** The ids of the nodes from those named `name` downward. */
function idsUnder(
  { id, callFrame, children }: HeapProfiler.SamplingHeapProfileNode,
  name: string,
  above = false,
): number[] {
  const inside = above || callFrame.functionName === name;
  const below = children.flatMap((child) => idsUnder(child, name, inside));
  return inside ? [id, ...below] : below;
}

/**
 * How many objects `work`, a function with a name, allocates on the heap, as V8's allocation sampling sees them: what
 * others in the process allocate meanwhile is not counted, and a garbage collection takes nothing off.
 */
export async function countAllocations(work: () => void): Promise<number> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: 1,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    } as HeapProfiler.StartSamplingParameterType);
    work();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    const ids = new Set(idsUnder(profile.head, work.name));
    return profile.samples.filter(({ nodeId }) => ids.has(nodeId)).length;
  } finally {
    session.disconnect();
  }
}
