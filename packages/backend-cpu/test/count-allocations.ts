import { type HeapProfiler, Session } from 'node:inspector/promises';

// Parts of the protocol that @types/node leaves out.
interface Options extends HeapProfiler.StartSamplingParameterType {
  includeObjectsCollectedByMajorGC: boolean;
  includeObjectsCollectedByMinorGC: boolean;
}
interface Profile {
  readonly head: Node;
  readonly samples: readonly { readonly nodeId: number }[];
}
interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string };
  readonly children: readonly Node[];
}

/** The ids of the nodes from those named `name` downward. */
function idsUnder({ id, callFrame, children }: Node, name: string, above = false): number[] {
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
    const options: Options = {
      samplingInterval: 1,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    };
    await session.post('HeapProfiler.startSampling', options);
    work();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    const { head, samples } = profile as unknown as Profile;
    const ids = new Set(idsUnder(head, work.name));
    return samples.filter(({ nodeId }) => ids.has(nodeId)).length;
  } finally {
    session.disconnect();
  }
}
