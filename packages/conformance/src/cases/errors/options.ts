import type { Session } from '../../session.js';
import type { BadCall } from './error-case.js';

/** Routing options that no call takes, for a call with 6 experts. */
export function badOptions(call: (session: Session, options: unknown) => unknown): BadCall[] {
  const bad: [name: string, code: BadCall['code'], argument: string, options: unknown][] = [
    ['options-missing', 'INVALID_ARGUMENT', 'options', null],
    ['snake-case', 'INVALID_ARGUMENT', 'options.group_moe', { moeTopk: 2, group_moe: true }],
    ['option-of-moeReduce', 'INVALID_ARGUMENT', 'options.normTopkProb', { moeTopk: 2, normTopkProb: true }],
    ['topk-missing', 'INVALID_TOP_K', 'moeTopk', {}],
    ['topk-zero', 'INVALID_TOP_K', 'moeTopk', { moeTopk: 0 }],
    ['topk-negative', 'INVALID_TOP_K', 'moeTopk', { moeTopk: -1 }],
    ['topk-fraction', 'INVALID_TOP_K', 'moeTopk', { moeTopk: 1.5 }],
    ['topk-nan', 'INVALID_TOP_K', 'moeTopk', { moeTopk: Number.NaN }],
    ['topk-text', 'INVALID_TOP_K', 'moeTopk', { moeTopk: '2' }],
    ['topk-above-experts', 'INVALID_TOP_K', 'moeTopk', { moeTopk: 7 }],
    ['group-not-boolean', 'INVALID_ARGUMENT', 'groupMoe', { moeTopk: 2, groupMoe: 1 }],
    ['topk-only-not-boolean', 'INVALID_ARGUMENT', 'topkOnlyMode', { moeTopk: 2, topkOnlyMode: 'yes' }],
    ['group-not-divisible', 'EXPERTS_NOT_DIVISIBLE', 'moeTopk', { moeTopk: 4, groupMoe: true }],
    [
      'group-not-divisible-topk-only',
      'EXPERTS_NOT_DIVISIBLE',
      'moeTopk',
      { moeTopk: 5, groupMoe: true, topkOnlyMode: true },
    ],
  ];
  return bad.map(([name, code, argument, options]) => ({
    name,
    code,
    argument,
    call: (session) => {
      const { moeTopk } = (options ?? {}) as { moeTopk?: unknown };
      // More than the backend takes would be refused for that.
      if (typeof moeTopk === 'number' && moeTopk <= 6) session.requireSizes({ numExperts: 6, topK: moeTopk });
      return call(session, options);
    },
  }));
}
