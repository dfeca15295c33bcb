import { type Backend, type Router, routeTokens } from '@moe-dispatch/core';
import type { GroupsView } from '../protocol.js';
import type { DispatchInput } from './input.js';
import { upload } from './upload.js';

/** The groups that each token keeps; undefined where experts of all groups can be chosen. */
export async function keptGroups(
  backend: Backend,
  input: DispatchInput,
  experts: number,
): Promise<GroupsView | undefined> {
  const { router } = input.routing.options;
  const { nGroup = 1, topkGroup = nGroup } = router ?? {};
  if (router === undefined || topkGroup === nGroup) return undefined;
  const size = experts / nGroup;
  const chosen = await chooseAll(backend, input, { ...router, topK: topkGroup * size });
  const kept = new Uint8Array((chosen.length / (topkGroup * size)) * nGroup);
  chosen.forEach((expert, i) => {
    const token = Math.floor(i / (topkGroup * size));
    kept[token * nGroup + Math.floor(expert / size)] = 1;
  });
  return { count: nGroup, kept };
}

/** With a K of all the experts of the groups that are kept, the chosen ones say which these are. */
async function chooseAll(backend: Backend, input: DispatchInput, router: Router): Promise<Int32Array> {
  const { gating, options, dispose } = upload(backend, input);
  const { eScoreCorrectionBias } = options;
  const { topKIndices, expertScalesFloat } = routeTokens(gating, { router, eScoreCorrectionBias });
  const chosen = await topKIndices.read();
  topKIndices.dispose();
  expertScalesFloat.dispose();
  dispose();
  return chosen;
}
