import type { FloatDType } from '@moe-dispatch/core';
import { isOutput, type Kernel, wgslModule } from '../src/kernel.js';
import { countExperts } from '../src/kernels/count-experts.wgsl.js';
import { gatherBytes } from '../src/kernels/gather-bytes.wgsl.js';
import { gatherChoices } from '../src/kernels/gather-choices.wgsl.js';
import { invertMap } from '../src/kernels/invert-map.wgsl.js';
import { moveRows } from '../src/kernels/move-rows.wgsl.js';
import {
  placeCounted,
  placeCountedAndCopy,
  placeFew,
  placeFewAndCopy,
} from '../src/kernels/place-pairs.wgsl.js';
import { reduceRows, reduceRowsWithBias } from '../src/kernels/reduce-rows.wgsl.js';
import { routeRank } from '../src/kernels/route-rank.wgsl.js';
import { routeSelect, routeSelectCounted } from '../src/kernels/route-select.wgsl.js';
import { scanTiles } from '../src/kernels/scan-tiles.wgsl.js';
import { weighChoices } from '../src/kernels/weigh-choices.wgsl.js';

export interface Module {
  readonly id: string;
  readonly code: string;
  readonly subgroups: boolean;
}

const FLAGS = [false, true];
const ARITHMETICS = ['floats', 'normal floats', 'integers'] as const;
const UNITS = ['words', 'vectors'] as const;

/** Every kernel that the backend can launch with workgroups of that size, but for constants that only size something. */
export function allKernels(workgroupSize: number): Kernel[] {
  return [
    ...routeKernels(workgroupSize),
    ...placeKernels(workgroupSize),
    ...reduceKernels(),
    ...FLAGS.map((norm) => weighChoices(norm)),
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
      code: wgslModule(kernel, workgroupSize, writable),
      subgroups: kernel.subgroups ?? false,
    }));
  });
}

function routeKernels(workgroupSize: number): Kernel[] {
  const select = [8, workgroupSize].flatMap((lanes) =>
    FLAGS.flatMap((topkOnly) =>
      [0, 1, 8].flatMap((slots) =>
        FLAGS.flatMap((subgroups) =>
          [routeSelect, routeSelectCounted].map((kernel) => kernel({ lanes, subgroups, slots, topkOnly })),
        ),
      ),
    ),
  );
  return [...select, ...FLAGS.map((topkOnly) => routeRank(topkOnly))];
}

function placeKernels(workgroupSize: number): Kernel[] {
  const few = [1, 8, workgroupSize].map((lanes) => ({ lanes, slice: 2 * workgroupSize }));
  return [
    placeCounted(),
    ...UNITS.map(placeCountedAndCopy),
    ...few.map(placeFew),
    ...few.flatMap((options) => UNITS.map((unit) => placeFewAndCopy(options, unit))),
  ];
}

function reduceKernels(): Kernel[] {
  const layouts = ['vectors', 'words', 'split'] as const;
  const dtypes: FloatDType[] = ['float32', 'float16', 'bfloat16'];
  const options = dtypes.flatMap((dtype) =>
    layouts
      .filter((layout) => dtype !== 'float32' || layout !== 'split')
      .flatMap((layout) =>
        ARITHMETICS.flatMap((arithmetic) =>
          FLAGS.flatMap((gathered) =>
            [1, 4].map((unroll) => ({ arithmetic, dtype, layout, unroll, gathered })),
          ),
        ),
      ),
  );
  return options.flatMap((each) => [
    reduceRows(each),
    ...FLAGS.map((gatheredBias) => reduceRowsWithBias({ ...each, gatheredBias })),
  ]);
}
