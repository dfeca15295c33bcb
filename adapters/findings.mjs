// What a report shows, in sentences.

const FINITE = ['float32', 'bfloat16', 'equal', 'padding'];

/** A sum over groups. */
export const total = (groups, name) => groups.reduce((sum, group) => sum + group[name], 0);

/** In tokens: with one digit, and never rounded to nothing or to all. */
export function percent(part, whole) {
  if (whole === 0) return '—';
  const share = (100 * part) / whole;
  if (part === 0 || part === whole) return `${share} %`;
  return `${Math.min(99.9, Math.max(0.1, share)).toFixed(1)} %`;
}

/** @returns {string[]} */
export function findings({ groups, refused }) {
  const of = (...kinds) => groups.filter(({ kind }) => kinds.includes(kind));
  return [
    ...refusals(refused),
    ...lostTokens(of(...FINITE)),
    ...ties(of('bfloat16'), of('equal')),
    ...otherExperts(of('float32', 'bfloat16', 'padding')),
    ...weights(of(...FINITE)),
    ...broken('A NaN among the logits', of('nan')),
    ...broken('Infinite logits', of('infinite')),
    ...unsteady(groups),
  ];
}

function refusals(refused) {
  const messages = [...new Set(refused.map(({ message }) => message))];
  return messages.map((message) => {
    const ids = refused.filter((entry) => entry.message === message).map(({ id }) => id);
    const experts = [...new Set(ids.map((id) => /e=(\d+)/.exec(id)[1]))].join(', ');
    return `Refused with E = ${experts} (${ids.length} of the cases): \`${message.replaceAll('`', "'")}\``;
  });
}

function lostTokens(groups) {
  const losing = groups.filter((group) => group.lost > 0);
  if (losing.length === 0) return [];
  const byTokens = [...new Set(losing.map(({ tokens }) => tokens))].map((tokens) => {
    const same = groups.filter((group) => group.tokens === tokens);
    const trials = `${total(same, 'trials with lost tokens')} of ${total(same, 'trials')} trials`;
    return `${tokens} tokens: ${trials}, ${percent(total(same, 'lost'), total(same, 'counted'))} of the tokens`;
  });
  return [`Loses tokens: some or all of their experts are missing from y. ${byTokens.join('; ')}`];
}

function ties(rounded, equal) {
  const all = [...rounded, ...equal];
  const counted = total(all, 'counted') - total(all, 'lost');
  if (counted === 0) return [];
  const differ = (groups, sides = ['higher', 'another']) =>
    sides.reduce((sum, side) => sum + total(groups, `${side} index of equal logits`), 0);
  if (differ(all) === 0) {
    const order = counted - total(all, 'same experts and order');
    if (order === 0) return ['Equal logits: the lower index first, as the contract'];
    return [
      `Equal logits: the experts of the contract, in another order for ${percent(order, counted)} of the tokens`,
    ];
  }
  const rule =
    differ(all, ['another']) === 0
      ? 'the higher index'
      : 'neither always the lower index nor always the higher';
  const shares = [...new Set(rounded.map(({ numExperts }) => numExperts))].map((numExperts) => {
    const group = rounded.filter((entry) => entry.numExperts === numExperts);
    const share = percent(differ(group), total(group, 'counted'));
    return `${share} (E = ${numExperts}, K = ${group[0].topK})`;
  });
  const often =
    shares.length === 0 ? '' : `. Other experts for ${shares.join(', ')} of tokens with bfloat16 logits`;
  return [`Equal logits: ${rule}${often}`];
}

function otherExperts(groups) {
  const counted = total(groups, 'counted');
  const others = counted - total(groups, 'same up to ties') - total(groups, 'lost');
  return others > 0
    ? [`Other experts, of other logits, for ${percent(others, counted)} of tokens with finite logits`]
    : [];
}

function weights(groups) {
  const counted = total(groups, 'counted') - total(groups, 'lost');
  const beyond = counted - total(groups, 'weights within a bound');
  return beyond > 0
    ? [`Weights beyond the bound for ${percent(beyond, counted)} of tokens with finite logits`]
    : [];
}

function broken(what, groups) {
  const counted = total(groups, 'counted');
  const parts = [
    ['NaN', 'weights of NaN'],
    ['zeros', 'zeros'],
    ['repeated expert', 'an expert twice'],
  ].filter(([name]) => total(groups, name) > 0);
  const safe = percent(total(groups, 'safe'), counted);
  if (parts.length === 0)
    return counted > 0 ? [`${what}: K experts and finite weights for ${safe} of the tokens`] : [];
  return [
    `${what}: ${parts.map(([name, words]) => `${words} (${percent(total(groups, name), counted)} of the tokens)`).join(', ')}`,
  ];
}

function unsteady(groups) {
  const trials = total(groups, 'trials');
  const others = trials - total(groups, 'repeated');
  return others > 0
    ? [`Not repeatable: ${others} of ${trials} calls gave other bytes than the first of their twenty`]
    : [];
}
