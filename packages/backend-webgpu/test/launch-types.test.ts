import { expect, it } from 'vitest';
import type { DeviceLimits } from '../src/device-limits.js';
import { invertMap } from '../src/kernels/invert-map.wgsl.js';
import { type FewPairs, placeFew, placeFewAndCopy } from '../src/kernels/place-pairs.wgsl.js';
import { Schedule } from '../src/schedule.js';
import { type Segment, wholeView } from '../src/segments.js';

const limits = { maxComputeWorkgroupsPerDimension: 100 } as DeviceLimits;
const schedule = new Schedule({ limits, workgroupSize: 64, subgroupSize: 0, arithmetic: 'integers' });
const segment: Segment = wholeView({ memory: 'x', byteOffset: 0, byteLength: 16 });
const bindings = { permute_indices_per_token: segment, row_tokens: segment };
const params = { tokens: 1, map_first: 2, map_count: 3, row_first: 4, row_count: 5 };

it('launches with params in the order of the kernel', () => {
  const { row_count, ...others } = params;
  schedule.launch(invertMap, bindings, { row_count, ...others }, 250);
  expect(schedule.steps).toMatchObject([{ kind: 'launch', params: [1, 2, 3, 4, 5], x: 100, y: 3 }]);
});

/** Never called: `pnpm typecheck` sees that each of these is an error. */
export function misnamed(): void {
  const { row_first, ...withoutRow } = params;
  const misspelt = { ...withoutRow, row_frist: row_first };
  const more = { ...params, experts: 8 };
  const wrongKind = { ...params, tokens: segment };
  const renamed = { row_tokens: segment, indices: segment };
  // @ts-expect-error a param is missing
  schedule.launch(invertMap, bindings, withoutRow, 1);
  // @ts-expect-error a param is misspelt
  schedule.launch(invertMap, bindings, misspelt, 1);
  // @ts-expect-error one param too many
  schedule.launch(invertMap, bindings, more, 1);
  // @ts-expect-error a param is a segment
  schedule.launch(invertMap, bindings, wrongKind, 1);
  // @ts-expect-error a binding is missing
  schedule.launch(invertMap, { row_tokens: segment }, params, 1);
  // @ts-expect-error a binding is misspelt
  schedule.launch(invertMap, renamed, params, 1);
  // @ts-expect-error one binding too many, in a spread
  schedule.launch(invertMap, { ...bindings, ...renamed }, params, 1);
}

/** The variants of a kernel differ in what they take. */
export function variants(few: FewPairs): void {
  const pairs = { top_k_indices: segment, permute_indices_per_token: segment };
  const plan = { ...pairs, expert_offsets: segment, token_nums_per_expert: segment };
  const copying = { ...plan, x: segment, permute_input: segment };
  const cut = { token_start: 0, token_end: 1, map_first: 0, map_count: 1, lead: 1 };
  const place = { top_k: 1, experts: 8, tokens: 1, workgroup_tokens: 1, ...cut };
  const units = { x_first: 0, x_count: 1, permute_input_first: 0, permute_input_count: 1 };
  const copy = { ...place, row_units: 1, ...units };
  schedule.launch(placeFew(few), plan, place, 1);
  schedule.launch(placeFewAndCopy(few, 'words'), copying, copy, 1);
  // @ts-expect-error
  schedule.launch(placeFew(few), copying, place, 1);
  // @ts-expect-error
  schedule.launch(placeFewAndCopy(few, 'words'), copying, place, 1);
}
