import { readOptions } from '../checks/options.js';
import { checkBoolean, checkFloat, checkMember, checkSize } from '../checks/values.js';
import { describe, type ErrorCode, invalid } from '../errors.js';
import { type Router, type RouterAttributes, ZERO_EXPERT_KINDS } from '../router.js';
import { type AnyCall, emptyCall } from './call.js';
import {
  ATTRIBUTES,
  type AttributeName,
  ROUTER_TENSORS,
  type RouterTensorName,
  type Sizes,
} from './table.js';

/** The names of the options that say how to route. */
export const ROUTER_ARGUMENTS = ['moeTopk', 'groupMoe', 'topkOnlyMode', 'router'] as const;

/** Those options, not checked yet. */
export type RouterArguments = { readonly [Name in (typeof ROUTER_ARGUMENTS)[number]]?: unknown };

/** A router as attributes and sizes. */
type RouterSpec = RouterAttributes & Pick<Sizes, 'topK' | 'zeroExperts'>;

/** What a router says, and how errors name its K. */
export interface ReadRouter {
  /** A call that has the router and nothing else. K is not checked yet. */
  readonly call: AnyCall;
  readonly topKName: string;
}

/** The selections that a router can name; the others follow from Paddle's booleans and from tensors. */
const SELECTIONS: readonly string[] = ['topk', 'sparsemixer'] satisfies Router['selection'][];

type ZeroExperts = NonNullable<Router['zeroExperts']>;

/** Router options that are attributes or sizes of a call. */
type Option = Exclude<AttributeName, 'zeroExpertKind'> | 'zeroExperts';
const OPTIONS = [
  ...(Object.keys(ATTRIBUTES) as AttributeName[]).filter((name) => name !== 'zeroExpertKind'),
  'zeroExperts',
] as Option[];
const ROUTER_OPTIONS = ['topK', ...OPTIONS] as const;
/** What a router says if it does not say it. */
export const ROUTER_DEFAULTS: Readonly<RouterSpec> = emptyCall();

const isRanked = ({ selection }: RouterSpec) => selection === 'topk';
const WHERE_RANKED = 'where experts are ranked by score';

/** Where options and tensors have a use; where they have none, the caller means something else. */
const USES: readonly (readonly [Option | RouterTensorName, (spec: RouterSpec) => boolean, string])[] = [
  ['eScoreCorrectionBias', isRanked, WHERE_RANKED],
  ['nGroup', isRanked, WHERE_RANKED],
  ['expertIds', ({ selection }) => selection === 'given', 'without another selection'],
  [
    'sharedLogits',
    ({ normTopkProb, scoringFunc }) => normTopkProb && scoringFunc !== 'softmax',
    'with normTopkProb, without softmax',
  ],
  ['jitterEps', ({ selection }) => selection === 'sparsemixer', 'with sparsemixer'],
  ['normEps', ({ normTopkProb }) => normTopkProb, 'with normTopkProb'],
  ['dropPolicy', ({ expertCapacity }) => expertCapacity > 0, 'with expertCapacity'],
  [
    'normBeforeDrop',
    ({ normTopkProb, expertCapacity }) => normTopkProb && expertCapacity > 0,
    'with normTopkProb and expertCapacity',
  ],
  [
    'applyRouterWeightOnInput',
    ({ zeroExperts, zeroExpertKind }) => zeroExperts === 0 || zeroExpertKind === 'skip',
    'without identity experts',
  ],
  ...([...OPTIONS, ...ROUTER_TENSORS] as const)
    .filter((name) => !['selection', 'jitterEps', 'tokenMask'].includes(name))
    .map(
      (name) =>
        [name, (spec: RouterSpec) => spec.selection !== 'sparsemixer', 'without sparsemixer'] as const,
    ),
];

/**
 * Paddle's booleans and a {@link Router} become attributes here, and only here.
 * @param tensors the names of the router's tensors that the caller gives
 * @throws InvalidArgumentError INVALID_ARGUMENT, INVALID_ROUTER
 */
export function readRouter(given: RouterArguments, tensors: readonly RouterTensorName[]): ReadRouter {
  const { moeTopk, groupMoe = false, topkOnlyMode = false, router } = given;
  checkBoolean('groupMoe', groupMoe);
  checkBoolean('topkOnlyMode', topkOnlyMode);
  const call = emptyCall();
  call.topK = moeTopk as number;
  if (router !== undefined) {
    const only = moeTopk === undefined && !groupMoe && !topkOnlyMode;
    if (!only)
      throw invalid('INVALID_ROUTER', 'router', "a router beside Paddle's arguments", 'one of the two');
    readObject(router, call);
  } else if (topkOnlyMode) call.scoringFunc = 'none';
  else if (groupMoe) call.selection = 'one_per_group';
  if (isRanked(call) && tensors.includes('expertIds')) call.selection = 'given';
  if (router !== undefined || tensors.length > 0) checkUses(call, tensors);
  if (groupMoe) call.nGroup = call.topkGroup = call.topK;
  return { call, topKName: router === undefined ? 'moeTopk' : 'router.topK' };
}

function checkUses(spec: RouterSpec, tensors: readonly RouterTensorName[]): void {
  for (const [name, isUseful, where] of USES) {
    const tensor = tensors.includes(name as RouterTensorName);
    const value = spec[name as Option];
    if ((!tensor && value === ROUTER_DEFAULTS[name as Option]) || isUseful(spec)) continue;
    const argument = tensor ? name : `router.${name}`;
    throw invalid('INVALID_ROUTER', argument, tensor ? 'a tensor' : String(value), `it only ${where}`);
  }
}

function readObject(value: unknown, spec: RouterSpec): void {
  const router = readOptions<Router>(value, ROUTER_OPTIONS, 'router');
  spec.topK = router.topK as number;
  for (const name of OPTIONS) {
    if (router[name] !== undefined) spec[name] = readOption(name, router[name], spec) as never;
  }
  const { nGroup, selection } = spec;
  if (router.topkGroup === undefined) spec.topkGroup = nGroup;
  const { topkGroup, topK } = spec;
  if (topkGroup > nGroup) throw refused('router.topkGroup', topkGroup, `at most nGroup = ${nGroup}`);
  if (topkGroup < nGroup && router.groupScoreFunc === undefined)
    throw refused('router.groupScoreFunc', undefined, 'one, because some groups are not kept');
  if (selection === 'sparsemixer' && topK !== 2)
    throw refused('router.topK', topK, '2, with sparsemixer', 'INVALID_TOP_K');
}

/**
 * Checks the router against E, then lets go of groups that change nothing.
 * @throws InvalidArgumentError EXPERTS_NOT_DIVISIBLE, INVALID_ROUTER, INVALID_TOP_K
 */
export function checkForExperts({ call, topKName }: ReadRouter, numExperts: number): void {
  const { selection, nGroup, topkGroup, topK, zeroExperts } = call;
  if (numExperts % nGroup !== 0) {
    const divisor = topKName === 'moeTopk' ? topKName : 'router.nGroup';
    throw refused(divisor, nGroup, `a divisor of ${numExperts} experts`, 'EXPERTS_NOT_DIVISIBLE');
  }
  if (zeroExperts >= numExperts)
    throw refused('router.zeroExperts.count', zeroExperts, `fewer than all ${numExperts} experts`);
  const kept = (numExperts / nGroup) * topkGroup;
  if (topK > kept)
    throw refused(topKName, topK, `at most the ${kept} experts of kept groups`, 'INVALID_TOP_K');
  if (topkGroup === nGroup && selection !== 'one_per_group') call.nGroup = call.topkGroup = 1;
}

function refused(
  argument: string,
  found: unknown,
  expected: string,
  code: ErrorCode = 'INVALID_ROUTER',
): Error {
  return invalid(code, argument, describe(found), expected);
}

function readOption(name: Option, value: unknown, spec: RouterSpec): unknown {
  const argument = `router.${name}`;
  if (name === 'zeroExperts') {
    const { count, kind } = readOptions<ZeroExperts>(value, ['count', 'kind'], argument);
    checkSize(`${argument}.count`, count, 1);
    checkMember(`${argument}.kind`, kind, ZERO_EXPERT_KINDS);
    spec.zeroExpertKind = kind;
    return count;
  }
  const kind = ATTRIBUTES[name];
  // No expert is nearer to the best one than itself.
  if (name === 'jitterEps') return checkFloat(argument, value, 0);
  if (kind === 'float32') return checkFloat(argument, value);
  if (kind === 'boolean') checkBoolean(argument, value);
  else if (kind === 'count') checkSize(argument, value, 1);
  else checkMember(argument, value, name === 'selection' ? SELECTIONS : kind);
  return value;
}
