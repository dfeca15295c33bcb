import { type HeapProfiler, Session } from 'node:inspector/promises';

/** The bytes of the nodes from the one named `name` downward. */
function bytesUnder(
  { callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode,
  name: string,
  above = false,
): number {
  const inside = above || callFrame.functionName === name;
  return children.reduce((sum, child) => sum + bytesUnder(child, name, inside), inside ? selfSize : 0);
}

/**
 * The bytes that `work`, a function with a name, allocates on the heap, as V8's allocation sampling sees them: what
 * others in the process allocate meanwhile is not counted, and a garbage collection takes nothing off.
 */
export async function allocatedBytes(work: () => void): Promise<number> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: 64,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    } as HeapProfiler.StartSamplingParameterType);
    work();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    return bytesUnder(profile.head, work.name);
  } finally {
    session.disconnect();
  }
}
