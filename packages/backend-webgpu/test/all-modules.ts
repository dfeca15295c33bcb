import type { FloatDType } from '@moe-dispatch/core';
import { SCORING_FUNCS } from '@moe-dispatch/core/backend';
import { isOutput, type Kernel, wgslModule } from '../src/kernel.js';
import { dropChoices, orderTokens, queueChoices } from '../src/kernels/capacity.wgsl.js';
import type { LateWeights } from '../src/kernels/choice-weights.wgsl.js';
import { countExperts } from '../src/kernels/count-experts.wgsl.js';
import { gatherBytes } from '../src/kernels/gather-bytes.wgsl.js';
import { gatherChoices } from '../src/kernels/gather-choices.wgsl.js';
import { invertMap } from '../src/kernels/invert-map.wgsl.js';
import { maskChoices } from '../src/kernels/mask-choices.wgsl.js';
import { moveRows } from '../src/kernels/move-rows.wgsl.js';
import {
  placeCounted,
  placeCountedAndCopy,
  placeFew,
  placeFewAndCopy,
} from '../src/kernels/place-pairs.wgsl.js';
import { reduceRows } from '../src/kernels/reduce-rows.wgsl.js';
import { routeRank } from '../src/kernels/route-rank.wgsl.js';
import { type RouteSelectOptions, routeSelect } from '../src/kernels/route-select.wgsl.js';
import { rowWeights } from '../src/kernels/row-weights.wgsl.js';
import { scanTiles } from '../src/kernels/scan-tiles.wgsl.js';
import { scoreChoices } from '../src/kernels/score-choices.wgsl.js';
import { scoreExperts } from '../src/kernels/score-experts.wgsl.js';
import { sparseMixer } from '../src/kernels/sparse-mixer.wgsl.js';
import { weighChoices } from '../src/kernels/weigh-choices.wgsl.js';
import { weighRoutes } from '../src/kernels/weigh-routes.wgsl.js';
import { weighRows } from '../src/kernels/weigh-rows.wgsl.js';

export interface Module {
  readonly id: string;
  readonly code: string;
  readonly subgroups: boolean;
}

const FLAGS = [false, true];
const SUBGROUPS = [false, true, 'whole'] as const;
const FLOATS: FloatDType[] = ['float32', 'float16', 'bfloat16'];
const GROUPS = ['all', 'best', 'bestTwo'] as const;
const ARITHMETICS = ['floats', 'normal floats', 'integers'] as const;
const UNITS = ['words', 'vectors'] as const;

/** Every kernel that the backend can launch with workgroups of that size, but for constants that only size something. */
export function allKernels(workgroupSize: number): Kernel[] {
  return [
    ...routeKernels(workgroupSize),
    ...placeKernels(workgroupSize),
    ...reduceKernels(),
    ...(['given', 'normalised', 'ones'] as const).map(weighChoices),
    ...weighKernels(),
    ...UNITS.map((unit) => moveRows(unit)),
    countExperts,
    scanTiles,
    invertMap,
    gatherBytes,
    gatherChoices,
  ];
}

/** Their WGSL modules; each also with its inputs declared writable, for tensors that share a buffer. */
export function allModules(workgroupSize: number): Module[] {
  return allKernels(workgroupSize).flatMap((kernel) => {
    const inputs = Object.keys(kernel.storage).filter((name) => !isOutput(kernel.storage[name]));
    return [[], inputs].map((writable) => ({
      id: `${kernel.id}${writable.length > 0 ? ' writable' : ''}`,
      code: wgslModule(kernel, workgroupSize, writable.length === 0, writable),
      subgroups: kernel.subgroups ?? false,
    }));
  });
}

/** Every value of every option of route-select, though not all together. */
function routeKernels(workgroupSize: number): Kernel[] {
  const plain: RouteSelectOptions = {
    ...{ lanes: 8, groupLanes: 8, slots: 1, subgroups: false, gating: 'float32', keyed: false, near: false },
    ...{ scoringFunc: 'softmax', biased: false, groups: 'all', weights: 'scores', counted: 0 },
  };
  const select: RouteSelectOptions[] = [8, workgroupSize].flatMap((lanes) =>
    [0, 1, 8].flatMap((slots) =>
      SUBGROUPS.flatMap((subgroups) =>
        (['softmax', 'none'] as const).map((scoringFunc) => ({
          ...plain,
          lanes,
          groupLanes: lanes,
          slots,
          subgroups,
          scoringFunc,
        })),
      ),
    ),
  );
  const gatings = [...FLOATS, 'keys' as const];
  const more: RouteSelectOptions[] = [
    ...gatings.map((gating) => ({ ...plain, gating, scoringFunc: 'none' as const })),
    ...SCORING_FUNCS.flatMap((scoringFunc) =>
      GROUPS.flatMap((groups) =>
        FLAGS.map((biased) => ({
          ...plain,
          scoringFunc,
          groups,
          biased,
          slots: 8,
          weights: 'normalised' as const,
        })),
      ),
    ),
    ...GROUPS.map((groups) => ({ ...plain, scoringFunc: 'sigmoid' as const, groups, keyed: true, slots: 8 })),
    ...GROUPS.flatMap((groups) =>
      SUBGROUPS.map((subgroups) => ({
        ...{ ...plain, scoringFunc: 'sigmoid' as const, biased: true, near: true, groups, subgroups },
        ...{ lanes: 8, groupLanes: groups === 'all' ? 8 : 2, slots: 12, weights: 'late' as const },
      })),
    ),
    { ...plain, weights: 'scaled' },
  ];
  return [
    ...[...select, ...more].flatMap((options) =>
      [0, 1, 2].map((counted) => routeSelect({ ...options, counted })),
    ),
    ...gatings.map(routeRank),
  ];
}

function weighKernels(): Kernel[] {
  const scored = [
    ...SCORING_FUNCS.map((scoringFunc) => ({ gating: 'float32' as FloatDType, scoringFunc })),
    ...FLOATS.map((gating) => ({ gating, scoringFunc: 'none' as const })),
  ];
  return [
    ...scored.flatMap((options) =>
      FLAGS.flatMap((given) => FLAGS.map((best) => scoreChoices({ ...options, given, best }))),
    ),
    ...scored.flatMap((options) =>
      GROUPS.flatMap((groups) => FLAGS.map((biased) => scoreExperts({ ...options, groups, biased }))),
    ),
    ...FLOATS.map(sparseMixer),
    ...[undefined, ...SCORING_FUNCS].flatMap((shared) =>
      FLAGS.flatMap((norm) =>
        FLAGS.map((more) => weighRoutes({ norm, shared, perExpert: more, global: more })),
      ),
    ),
    ...[orderTokens, maskChoices, rowWeights],
    ...FLAGS.flatMap((ordered) => [queueChoices(ordered), dropChoices(ordered)]),
    ...rowLayouts().flatMap((layout) =>
      ARITHMETICS.map((arithmetic) => weighRows({ ...layout, arithmetic })),
    ),
  ];
}

function placeKernels(workgroupSize: number): Kernel[] {
  const few = [1, 8, workgroupSize].map((lanes) => ({ lanes, slice: 2 * workgroupSize }));
  const late: LateWeights[] = (['normalised', 'scaled', 'scores'] as const).flatMap((weights) => [
    ...SCORING_FUNCS.map((scoringFunc) => ({ gating: 'float32' as const, scoringFunc, weights, lanes: 8 })),
    ...FLOATS.map((gating) => ({ gating, scoringFunc: 'softmax' as const, weights, lanes: workgroupSize })),
  ]);
  return [
    placeCounted(),
    ...few.map(placeFew),
    ...[undefined, ...late].flatMap((weights) =>
      UNITS.flatMap((unit) => [
        placeCountedAndCopy(unit, weights),
        ...few.map((options) => placeFewAndCopy(options, unit, weights)),
      ]),
    ),
  ];
}

function rowLayouts() {
  const layouts = ['vectors', 'words', 'split'] as const;
  return FLOATS.flatMap((dtype) =>
    layouts
      .filter((layout) => dtype !== 'float32' || layout !== 'split')
      .map((layout) => ({ dtype, layout })),
  );
}

function reduceKernels(): Kernel[] {
  const options = rowLayouts().flatMap((layout) =>
    ARITHMETICS.flatMap((arithmetic) =>
      FLAGS.flatMap((gathered) => [1, 4].map((unroll) => ({ ...layout, arithmetic, unroll, gathered }))),
    ),
  );
  return options.flatMap((each) =>
    [null, ...FLAGS.map((gathered) => ({ gathered }))].flatMap((bias) =>
      // Loads choices together or has identity experts; both at once is no other text.
      reduceRows({ ...each, bias, identity: each.unroll === 1 }),
    ),
  );
}
