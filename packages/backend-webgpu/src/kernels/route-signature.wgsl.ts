import { type Signature, type Storage, signature } from '../kernel.js';

const STORAGE = {
  gating_output: 'words',
  top_k_indices: 'words out',
  expert_scales_float: 'words out',
  e_score_correction_bias: 'words',
  per_expert_scale: 'words',
  global_scale: 'words',
  shared_logits: 'words',
  expert_ids: 'words',
  token_mask: 'words',
  expert_keys: 'words out',
  group_keys: 'words out',
  token_keys: 'words out',
  places: 'words out',
  tile_entries: 'words out',
} as const satisfies Record<string, Storage>;

const PARAMS = [
  'first_token',
  'end_token',
  'experts',
  'top_k',
  'shared_experts',
  // Of what route-select and route-rank choose from.
  'first_row',
  'rows',
  'width',
  'picks',
  'rows_per_token',
  // Groups of which some are kept.
  'group_width',
  'kept_groups',
  // Floats, as bits.
  'norm_eps',
  'factor',
  'threshold',
  // Experts from here on have no rows; choices from there on become -1.
  'real_experts',
  'skipped_from',
  'tiles',
] as const;

/** What kernels of routing bind, and their numbers: all have these names, so that launches can give them alike. */
export type RouteBinding = keyof typeof STORAGE;
export type RouteParam = (typeof PARAMS)[number];

/** The signature of a kernel that binds those; a launch gives null for the others. */
export function routeSignature(...taken: (RouteBinding | false)[]): Signature<RouteBinding, RouteParam> {
  const entries = taken.filter((name) => name !== false).map((name) => [name, STORAGE[name]]);
  return signature(Object.fromEntries(entries), PARAMS);
}
