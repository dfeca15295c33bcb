import { ResourceError, type RouteCall } from '@moe-dispatch/core';
import type { Kernel } from '../kernel.js';
import { routeRank } from '../kernels/route-rank.wgsl.js';
import { lanesForRow, routeSelect } from '../kernels/route-select.wgsl.js';
import { type Segment, wordCount } from '../segments.js';
import type { Device, Steps } from '../steps.js';
import type { WebGpuTensor } from '../webgpu-tensor.js';

/** From this many choices on, ranking all experts at once beats picking one after the other. */
const MANY_PICKS = 32;

/** Chooses experts and their scales. A group is routed as a row of its own of which the best one is picked. */
export function route(steps: Steps, call: RouteCall<WebGpuTensor>): void {
  const { tokens, numExperts, topK, routing } = call;
  const groups = routing === 'group' ? topK : 1;
  const sizes = { width: numExperts / groups, picks: topK / groups, groups };
  const { kernel, rowsPerWorkgroup } = chooseKernel(
    steps.device,
    sizes.width,
    sizes.picks,
    routing === 'topk-only',
  );
  const step = tokensPerBinding(steps.device, numExperts);
  for (let first = 0; first < tokens; first += step) {
    const count = Math.min(step, tokens - first);
    const cut = (view: WebGpuTensor, columns: number): Segment => ({
      view,
      first: first * columns,
      count: Math.min(count * columns, wordCount(view) - first * columns),
    });
    const rows = count * groups;
    steps.dispatch(
      kernel,
      {
        gating: cut(call.gating, numExperts),
        topk: cut(call.topKIndices, topK),
        scales: cut(call.expertScalesFloat, topK),
      },
      { ...sizes, first_row: first * groups, rows: first * groups + rows },
      Math.ceil(rows / rowsPerWorkgroup),
    );
  }
}

function chooseKernel(
  { workgroupSize, subgroupSize }: Device,
  width: number,
  picks: number,
  topkOnly: boolean,
): { kernel: Kernel; rowsPerWorkgroup: number } {
  if (picks > MANY_PICKS) return { kernel: routeRank(workgroupSize, topkOnly), rowsPerWorkgroup: 1 };
  const { lanes, slots } = lanesForRow(width, workgroupSize);
  const subgroups = lanes <= subgroupSize;
  const kernel = routeSelect({ workgroupSize, lanes, subgroups, slots, topkOnly });
  return { kernel, rowsPerWorkgroup: workgroupSize / lanes };
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
