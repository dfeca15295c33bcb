import { expect, it } from 'vitest';
import type { DeviceLimits } from '../src/device-limits.js';
import { gatherBytes } from '../src/kernels/gather-bytes.wgsl.js';
import { type FewPairs, placeFew, placeFewAndCopy } from '../src/kernels/place-pairs.wgsl.js';
import type { RouteBinding, RouteParam } from '../src/kernels/route-signature.wgsl.js';
import { Schedule } from '../src/schedule.js';
import { type Segment, wholeView } from '../src/segments.js';

const limits = { maxComputeWorkgroupsPerDimension: 100 } as DeviceLimits;
const schedule = new Schedule({ limits, workgroupSize: 64, subgroupSize: 0, arithmetic: 'integers' });
const segment: Segment = wholeView({ memory: 'x', byteOffset: 0, byteLength: 16 });
const bindings = { row_tokens: segment, x: segment, permute_input: segment };
const params = { row_bytes: 1, total_bytes: 2, tokens: 3 };

it('launches with params in the order of the kernel', () => {
  const { row_bytes, ...others } = params;
  schedule.launch(gatherBytes, bindings, { ...others, row_bytes }, 249.5);
  expect(schedule.steps).toMatchObject([{ kind: 'launch', params: [1, 2, 3], x: 100, y: 3 }]);
});

/** Never called: `pnpm typecheck` sees that each of these is an error. */
export function misnamed(): void {
  const { row_bytes, ...withoutRow } = params;
  const misspelt = { ...withoutRow, row_bites: row_bytes };
  const more = { ...params, experts: 8 };
  const wrongKind = { ...params, tokens: segment };
  const renamed = { x: segment, permute_input: segment, tokens_of_rows: segment };
  // @ts-expect-error a param is missing
  schedule.launch(gatherBytes, bindings, withoutRow, 1);
  // @ts-expect-error a param is misspelt
  schedule.launch(gatherBytes, bindings, misspelt, 1);
  // @ts-expect-error one param too many
  schedule.launch(gatherBytes, bindings, more, 1);
  // @ts-expect-error a param is a segment
  schedule.launch(gatherBytes, bindings, wrongKind, 1);
  // @ts-expect-error a binding is missing
  schedule.launch(gatherBytes, { row_tokens: segment, x: segment }, params, 1);
  // @ts-expect-error a binding is misspelt
  schedule.launch(gatherBytes, renamed, params, 1);
  // @ts-expect-error one binding too many, in a spread
  schedule.launch(gatherBytes, { ...bindings, ...renamed }, params, 1);
}

/** The variants of a kernel differ in what they take. */
export function variants(few: FewPairs): void {
  const pairs = { top_k_indices: segment, permute_indices_per_token: segment };
  const plan = { ...pairs, expert_offsets: segment, token_nums_per_expert: segment };
  const copying = { ...({} as Record<RouteBinding, null>), ...plan, x: segment, permute_input: segment };
  const cut = { token_start: 0, token_end: 1, lead: 1 };
  const place = { top_k: 1, experts: 8, tokens: 1, workgroup_tokens: 1, ...cut };
  const weigh = { ...({} as Record<RouteParam, number>), stride: 0, weigh_groups: 0 };
  const copy = { ...weigh, ...place, row_units: 1 };
  schedule.launch(placeFew(few), plan, place, 1);
  schedule.launch(placeFewAndCopy(few, 'words'), copying, copy, 1);
  // @ts-expect-error
  schedule.launch(placeFew(few), copying, place, 1);
  // @ts-expect-error
  schedule.launch(placeFewAndCopy(few, 'words'), copying, place, 1);
}
