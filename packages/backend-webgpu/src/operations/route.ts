import { ResourceError, type RouteCall } from '@moe-dispatch/core';
import type { Kernel } from '../kernel.js';
import { routeRank } from '../kernels/route-rank.wgsl.js';
import { lanesForRow, routeSelect } from '../kernels/route-select.wgsl.js';
import { type Segment, type View, wholeView, wordCount } from '../segments.js';
import type { Device, Steps } from '../steps.js';
import type { WebGpuTensor } from '../webgpu-tensor.js';
import { type Blocks, makeBlocks } from './blocks.js';

/** From this many choices on, ranking all experts at once beats picking one after the other. */
const MANY_PICKS = 32;

/** How a call is routed. A row is a token, or a group of a token of which the best expert is picked. */
interface Routing {
  readonly sizes: { readonly width: number; readonly picks: number; readonly groups: number };
  readonly rowsPerWorkgroup: number;
  readonly kernel: Kernel;
  /** The kernel that also counts the choices, a workgroup's tokens as a block; where there is one. */
  readonly countingKernel?: Kernel;
}

/** Chooses experts and their scales. */
export function route(steps: Steps, call: RouteCall<WebGpuTensor>): void {
  const routing = chooseRouting(steps.device, call);
  routeRows(steps, call, routing, routing.kernel, undefined);
}

/** `route`, which also counts the choices by block where it can. */
export function routeAndCount(steps: Steps, call: RouteCall<WebGpuTensor>): Blocks | undefined {
  const routing = chooseRouting(steps.device, call);
  const { rowsPerWorkgroup, kernel, countingKernel } = routing;
  const blocks = countingKernel && makeBlocks(steps, call, rowsPerWorkgroup);
  routeRows(steps, call, routing, blocks ? countingKernel : kernel, blocks);
  return blocks;
}

function chooseRouting(device: Device, { numExperts, topK, routing }: RouteCall): Routing {
  const { workgroupSize, subgroupSize } = device;
  const topkOnly = routing === 'topk-only';
  const groups = routing === 'group' ? topK : 1;
  const sizes = { width: numExperts / groups, picks: topK / groups, groups };
  const { width, picks } = sizes;
  if (picks > Math.min(MANY_PICKS, workgroupSize))
    return { sizes, kernel: routeRank(workgroupSize, topkOnly), rowsPerWorkgroup: 1 };
  const { lanes, slots } = lanesForRow(width, picks, workgroupSize);
  const options = { workgroupSize, lanes, slots, subgroups: lanes <= subgroupSize, topkOnly };
  const rowsPerWorkgroup = workgroupSize / lanes;
  const countable =
    groups === 1 && width <= workgroupSize && rowsPerWorkgroup <= tokensPerBinding(device, numExperts);
  return {
    ...{ sizes, rowsPerWorkgroup },
    kernel: routeSelect({ ...options, counted: false }),
    ...(countable && { countingKernel: routeSelect({ ...options, counted: true }) }),
  };
}

function routeRows(
  steps: Steps,
  call: RouteCall<WebGpuTensor>,
  { sizes, rowsPerWorkgroup }: Routing,
  kernel: Kernel,
  blocks: Blocks | undefined,
): void {
  const { tokens, numExperts, topK } = call;
  const most = tokensPerBinding(steps.device, numExperts);
  // Whole blocks, where they are counted.
  const step = blocks ? most - (most % blocks.blockTokens) : most;
  for (let first = 0; first < tokens; first += step) {
    const count = Math.min(step, tokens - first);
    const cut = (view: View, columns: number): Segment => ({
      view,
      first: first * columns,
      count: Math.min(count * columns, wordCount(view) - first * columns),
    });
    const { groups } = sizes;
    const rows = count * groups;
    steps.dispatch(
      kernel,
      {
        gating: cut(call.gating, numExperts),
        topk: cut(call.topKIndices, topK),
        scales: cut(call.expertScalesFloat, topK),
        ...(blocks && { ranks: cut(blocks.ranks, topK), workspace: wholeView(blocks.workspace) }),
      },
      { ...sizes, first_row: first * groups, rows: first * groups + rows, blocks: blocks?.blocks ?? 0 },
      Math.ceil(rows / rowsPerWorkgroup),
    );
  }
}

/** Tokens whose gating values fit one binding wherever they start; their choices, being fewer, do too. */
function tokensPerBinding({ limits }: Device, numExperts: number): number {
  const { maxStorageBufferBindingSize, minStorageBufferOffsetAlignment } = limits;
  const tokens = Math.floor(
    (maxStorageBufferBindingSize - minStorageBufferOffsetAlignment) / (numExperts * 4),
  );
  if (tokens >= 1) return tokens;
  throw new ResourceError('LIMIT_EXCEEDED', {
    argument: 'gatingOutput',
    found: `a row of ${numExperts * 4} bytes`,
    expected: `at most maxStorageBufferBindingSize = ${maxStorageBufferBindingSize}, less its alignment`,
  });
}
