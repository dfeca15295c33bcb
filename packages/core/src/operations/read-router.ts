import { readOptions } from '../checks/options.js';
import { checkBoolean, checkFloat, checkMember, checkSize } from '../checks/values.js';
import { invalid } from '../errors.js';
import { type Router, type RouterAttributes, ZERO_EXPERT_KINDS } from '../router.js';
import { ATTRIBUTES, type RouterTensorName } from './table.js';

/** The names of the options that say how to route. */
export const ROUTER_ARGUMENTS = ['moeTopk', 'groupMoe', 'topkOnlyMode', 'router'] as const;

/** Those options, not checked yet. */
export type RouterArguments = { readonly [Name in (typeof ROUTER_ARGUMENTS)[number]]?: unknown };

/** What a router says, and how errors name its K. */
export interface ReadRouter {
  readonly attributes: RouterAttributes;
  /** K, not checked yet. */
  readonly topK: unknown;
  readonly topKName: string;
  readonly zeroExperts: number;
}

/** The selections that a router can name; the others follow from Paddle's booleans and from tensors. */
const SELECTIONS: readonly string[] = ['topk', 'sparsemixer'] satisfies Router['selection'][];

type ZeroExperts = NonNullable<Router['zeroExperts']>;

const DEFAULTS: RouterAttributes = {
  scoringFunc: 'softmax',
  selection: 'topk',
  nGroup: 1,
  topkGroup: 1,
  groupScoreFunc: 'max',
  normTopkProb: false,
  normEps: 0,
  routedScalingFactor: 1,
  zeroExpertKind: 'identity',
  applyRouterWeightOnInput: false,
  jitterEps: 0,
  expertCapacity: 0,
  dropPolicy: 'position',
  normBeforeDrop: false,
};

const OPTIONS = Object.keys(DEFAULTS).filter((name) => name !== 'zeroExpertKind') as Option[];
type Option = Exclude<keyof RouterAttributes, 'zeroExpertKind'>;

/**
 * Paddle's booleans and a {@link Router} become attributes here, and only here.
 * @param tensors the names of the router's tensors that the caller gives
 * @throws InvalidArgumentError INVALID_ARGUMENT, INVALID_ROUTER
 */
export function readRouter(given: RouterArguments, tensors: readonly RouterTensorName[]): ReadRouter {
  const { moeTopk, groupMoe = false, topkOnlyMode = false, router } = given;
  checkBoolean('groupMoe', groupMoe);
  checkBoolean('topkOnlyMode', topkOnlyMode);
  if (router !== undefined) {
    if (moeTopk === undefined && !groupMoe && !topkOnlyMode) return readObject(router, tensors);
    throw invalid('INVALID_ROUTER', 'router', "a router beside Paddle's arguments", 'one of the two');
  }
  const attributes = { ...DEFAULTS };
  if (topkOnlyMode) attributes.scoringFunc = 'none';
  else if (groupMoe) attributes.selection = 'one_per_group';
  if (groupMoe) attributes.nGroup = attributes.topkGroup = moeTopk as number;
  useTensors(attributes, tensors);
  return { attributes, topK: moeTopk, topKName: 'moeTopk', zeroExperts: 0 };
}

function readObject(value: unknown, tensors: readonly RouterTensorName[]): ReadRouter {
  const router = readOptions<Router>(value, ['topK', 'zeroExperts', ...OPTIONS], 'router');
  const attributes = { ...DEFAULTS };
  for (const name of OPTIONS) {
    const option = router[name];
    if (option !== undefined) attributes[name] = readAttribute(name, option) as never;
  }
  const zeroExperts = readZeroExperts(router.zeroExperts, attributes);
  if (router.topkGroup === undefined) attributes.topkGroup = attributes.nGroup;
  useTensors(attributes, tensors);
  checkGroups(router, attributes);
  checkUseless(attributes, zeroExperts, router.topK);
  return { attributes, topK: router.topK, topKName: 'router.topK', zeroExperts };
}

/**
 * Checks the router against E, then lets go of groups that change nothing.
 * @throws InvalidArgumentError EXPERTS_NOT_DIVISIBLE, INVALID_ROUTER, INVALID_TOP_K
 */
export function checkForExperts(
  { attributes, topKName, zeroExperts }: ReadRouter,
  topK: number,
  numExperts: number,
): void {
  const { selection, nGroup, topkGroup } = attributes;
  if (numExperts % nGroup !== 0) {
    const [argument, expected] =
      topKName === 'moeTopk'
        ? ['moeTopk', 'that moeTopk divides, with groupMoe']
        : ['router.nGroup', 'that nGroup divides'];
    const found = `${numExperts} experts in ${nGroup} groups`;
    throw invalid('EXPERTS_NOT_DIVISIBLE', argument, found, `a number of experts ${expected}`);
  }
  if (zeroExperts >= numExperts) {
    const expected = `fewer than the number of experts, ${numExperts}`;
    throw invalid('INVALID_ROUTER', 'router.zeroExperts.count', String(zeroExperts), expected);
  }
  const kept = (numExperts / nGroup) * topkGroup;
  if (topK > kept) {
    const expected = `at most the experts of the ${topkGroup} groups that are kept, ${kept}`;
    throw invalid('INVALID_TOP_K', topKName, String(topK), expected);
  }
  if (topkGroup === nGroup && selection !== 'one_per_group') attributes.nGroup = attributes.topkGroup = 1;
}

function readAttribute(name: Option, value: unknown): unknown {
  const argument = `router.${name}`;
  const kind = ATTRIBUTES[name];
  if (kind === 'float32') return checkFloat(argument, value);
  if (kind === 'boolean') checkBoolean(argument, value);
  else if (kind === 'count') checkSize(argument, value, 1);
  else checkMember(argument, value, name === 'selection' ? SELECTIONS : kind);
  return value;
}

function readZeroExperts(value: unknown, attributes: RouterAttributes): number {
  if (value === undefined) return 0;
  const { count, kind } = readOptions<ZeroExperts>(value, ['count', 'kind'], 'router.zeroExperts');
  checkSize('router.zeroExperts.count', count, 1);
  checkMember('router.zeroExperts.kind', kind, ZERO_EXPERT_KINDS);
  attributes.zeroExpertKind = kind;
  return count;
}

/** Lets the tensors decide what they decide, and refuses those that have no use. */
function useTensors(attributes: RouterAttributes, tensors: readonly RouterTensorName[]): void {
  const { selection, normTopkProb, scoringFunc } = attributes;
  const ranked = selection === 'topk' && !tensors.includes('expertIds');
  const uses: { readonly [Name in RouterTensorName]: readonly [boolean, string] } = {
    eScoreCorrectionBias: [ranked, 'where experts are ranked by score'],
    expertIds: [selection === 'topk', 'where no other selection is asked for'],
    perExpertScale: [selection !== 'sparsemixer', 'without sparsemixer'],
    globalScale: [selection !== 'sparsemixer', 'without sparsemixer'],
    sharedLogits: [
      normTopkProb && scoringFunc !== 'softmax',
      'with normTopkProb and a scoringFunc other than softmax',
    ],
    tokenMask: [true, ''],
  };
  for (const name of tensors) {
    const [useful, where] = uses[name];
    if (!useful) throw invalid('INVALID_ROUTER', name, 'a tensor', `it only ${where}`);
  }
  if (tensors.includes('expertIds')) attributes.selection = 'given';
}

/** Some of the groups can be kept only if it is said how they are ranked. */
function checkGroups({ groupScoreFunc }: Partial<Router>, { nGroup, topkGroup }: RouterAttributes): void {
  if (topkGroup > nGroup) {
    throw invalid('INVALID_ROUTER', 'router.topkGroup', String(topkGroup), `at most nGroup = ${nGroup}`);
  }
  if (topkGroup < nGroup && groupScoreFunc === undefined) {
    const expected = "'max' or 'top2_sum', because some groups are not kept";
    throw invalid('INVALID_ROUTER', 'router.groupScoreFunc', 'undefined', expected);
  }
}

/** Refuses options that have a value and no use: the caller means something else. */
function checkUseless(attributes: RouterAttributes, zeroExperts: number, topK: unknown): void {
  const { selection, normTopkProb, expertCapacity, zeroExpertKind } = attributes;
  const mixes = selection === 'sparsemixer';
  if (mixes && topK !== 2) throw invalid('INVALID_TOP_K', 'router.topK', String(topK), '2, with sparsemixer');
  const useless = (name: Option, useful: boolean, where: string) => {
    if (useful || attributes[name] === DEFAULTS[name]) return;
    throw invalid('INVALID_ROUTER', `router.${name}`, String(attributes[name]), `it only ${where}`);
  };
  for (const name of OPTIONS) {
    useless(name, !mixes || name === 'selection' || name === 'jitterEps', 'without sparsemixer');
  }
  if (mixes && zeroExperts > 0) {
    throw invalid('INVALID_ROUTER', 'router.zeroExperts', String(zeroExperts), 'it only without sparsemixer');
  }
  useless('jitterEps', mixes, 'with sparsemixer');
  useless('nGroup', selection === 'topk', 'where experts are ranked by score');
  useless('normEps', normTopkProb, 'with normTopkProb');
  useless('normBeforeDrop', normTopkProb && expertCapacity > 0, 'with normTopkProb and expertCapacity');
  useless('dropPolicy', expertCapacity > 0, 'with expertCapacity');
  const addsRows = zeroExperts > 0 && zeroExpertKind === 'identity';
  useless('applyRouterWeightOnInput', !addsRows, 'without identity experts, whose rows the sum weighs');
}
