import { ResourceError, type RouteCall } from '@moe-dispatch/core';
import type { Kernel } from '../kernel.js';
import { routeRank } from '../kernels/route-rank.wgsl.js';
import { lanesForRow, routeSelect } from '../kernels/route-select.wgsl.js';
import { rowsOf, type View, wholeView, wordsPerBinding } from '../segments.js';
import type { Device, Steps } from '../steps.js';
import type { WebGpuTensor } from '../webgpu-tensor.js';
import { type Blocks, makeBlocks } from './blocks.js';

/** From this many choices on, ranking all experts at once beats picking one after the other. */
const MANY_PICKS = 32;

/**
 * Chooses experts and their scales.
 * @param count whether to count the choices by block as well, where the kernel can.
 * @returns the counts, if any.
 */
export function route(steps: Steps, call: RouteCall<WebGpuTensor>, count: boolean): Blocks | undefined {
  const { device } = steps;
  const { tokens, numExperts, topK } = call;
  const { sizes, rowsPerWorkgroup, countable, kernel } = chooseRouting(device, call);
  const most = tokensPerBinding(device, numExperts);
  const blocks =
    count && countable && rowsPerWorkgroup <= most ? makeBlocks(steps, call, rowsPerWorkgroup) : undefined;
  // Whole blocks, where they are counted.
  const step = blocks ? most - (most % rowsPerWorkgroup) : most;
  for (let first = 0; first < tokens; first += step) {
    const end = Math.min(first + step, tokens);
    const cut = (view: View, columns: number) => rowsOf(view, columns, first, end);
    const { groups } = sizes;
    steps.dispatch(
      kernel(blocks !== undefined),
      {
        gating: cut(call.gating, numExperts),
        topk: cut(call.topKIndices, topK),
        scales: cut(call.expertScalesFloat, topK),
        ...(blocks && { ranks: cut(blocks.ranks, topK), workspace: wholeView(blocks.workspace) }),
      },
      { ...sizes, first_row: first * groups, rows: end * groups, blocks: blocks?.blocks ?? 0 },
      Math.ceil(((end - first) * groups) / rowsPerWorkgroup),
    );
  }
  return blocks;
}

/** How a call is routed. A row is a token, or a group of a token of which the best expert is picked. */
interface Routing {
  readonly sizes: { readonly width: number; readonly picks: number; readonly groups: number };
  readonly rowsPerWorkgroup: number;
  /** Whether the kernel can count the choices, a workgroup's tokens as a block. */
  readonly countable: boolean;
  readonly kernel: (counted: boolean) => Kernel;
}

function chooseRouting(
  { workgroupSize, subgroupSize }: Device,
  { numExperts, topK, routing }: RouteCall,
): Routing {
  const topkOnly = routing === 'topk-only';
  const groups = routing === 'group' ? topK : 1;
  const sizes = { width: numExperts / groups, picks: topK / groups, groups };
  const { width, picks } = sizes;
  if (picks > Math.min(MANY_PICKS, workgroupSize))
    return { sizes, rowsPerWorkgroup: 1, countable: false, kernel: () => routeRank(topkOnly) };
  const { lanes, slots } = lanesForRow(width, picks, workgroupSize);
  const options = { lanes, slots, subgroups: lanes <= subgroupSize, topkOnly };
  return {
    ...{ sizes, rowsPerWorkgroup: workgroupSize / lanes },
    countable: groups === 1 && width <= workgroupSize,
    kernel: (counted) => routeSelect({ ...options, counted }),
  };
}

/** Tokens whose gating values fit one binding wherever they start; their choices, being fewer, do too. */
function tokensPerBinding({ limits }: Device, numExperts: number): number {
  const tokens = Math.floor(wordsPerBinding(limits) / numExperts);
  if (tokens >= 1) return tokens;
  throw new ResourceError('LIMIT_EXCEEDED', {
    argument: 'gatingOutput',
    found: `a row of ${numExperts * 4} bytes`,
    expected: `at most maxStorageBufferBindingSize = ${limits.maxStorageBufferBindingSize}, less its alignment`,
  });
}
