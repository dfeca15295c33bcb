import type { Routing } from '@moe-dispatch/core';

/** In the order of the addon's enum (native/launch/dispatch.h). */
export const ROUTINGS: readonly Routing[] = ['softmax', 'group', 'topk-only'];
