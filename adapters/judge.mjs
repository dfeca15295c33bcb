// Holds an observation against the contract, token by token, in the seven words of the suite's levels.
import { cpu } from '@moe-dispatch/backend-cpu';
import { fusedBackend, weightBound } from '@moe-dispatch/conformance';
import { routeTokens } from '@moe-dispatch/core';
import { CASES, isPadding } from './inputs.mjs';

/** The levels that are counted in tokens. The first two ask for more than those after them. */
export const LEVELS = [
  'same bytes',
  'same experts and order',
  'same experts',
  'same up to ties',
  'weights within a bound',
];

/** What happens to tokens whose experts are not the contract's. */
const OUTCOMES = [
  'higher index of equal logits',
  'another index of equal logits',
  'lost',
  'repeated expert',
  'zeros',
  'NaN',
];

/**
 * @returns a report: for each kind and number of experts, how many tokens of all trials reach each level, how many trials gave the bytes
 *   of the first, and how many tokens were safe
 */
export async function judge({ cases, ...implementation }) {
  const backend = cpu().create();
  const groups = new Map();
  const refused = [];
  for (const observed of cases) {
    const input = CASES.find(({ id }) => id === observed.id);
    if (observed.refused !== undefined) {
      refused.push({ id: observed.id, message: observed.refused });
      continue;
    }
    const { kind, numExperts, topK, tokens } = input;
    const key = `${kind} ${numExperts} ${tokens}`;
    if (!groups.has(key)) groups.set(key, newGroup({ kind, numExperts, topK, tokens }));
    const trials = implementation.columns
      ? await probed(input, observed.trials, implementation.router)
      : decoded(observed.trials);
    await judgeCase(groups.get(key), input, trials, implementation.router, await backend);
  }
  (await backend).dispose();
  return { ...implementation, groups: [...groups.values()], refused };
}

const decoded = (trials) =>
  trials.map(({ times, experts, weights }) => ({
    times,
    experts: decode(experts, Int32Array),
    weights: decode(weights, Float32Array),
  }));

/** What the suite's probe makes of sums of which the largest columns were kept. */
function probed({ numExperts, topK, tokens, logits }, trials, router) {
  const readTrial = async ({ times, experts: columns, weights: values }) => {
    const run = ({ hidden }) => {
      const y = new Float32Array(tokens * hidden);
      columns.forEach((column, i) => {
        if (column >= 0) y[Math.floor(i / (topK + 1)) * hidden + column] = values[i];
      });
      return y;
    };
    const operator = {
      name: 'recorded',
      device: 'none',
      maxExperts: numExperts,
      router,
      hiddenMultiple: 64,
      run,
    };
    const backend = await fusedBackend(operator).create();
    const found = routeTokens(backend.tensor(logits(), [tokens, numExperts]), {
      router: { ...router, topK },
    });
    return { times, experts: await found.topKIndices.read(), weights: await found.expertScalesFloat.read() };
  };
  return Promise.all(decoded(trials).map(readTrial));
}

function newGroup(sizes) {
  const zeros = (names) => Object.fromEntries(names.map((name) => [name, 0]));
  return {
    ...sizes,
    counted: 0,
    ...zeros([...LEVELS, 'safe']),
    trials: 0,
    repeated: 0,
    'trials with lost tokens': 0,
    ...zeros(OUTCOMES),
  };
}

async function judgeCase(group, input, trials, router, backend) {
  const { kind, numExperts, topK, tokens } = input;
  const logits = input.logits();
  const expected = routeTokens(backend.tensor(logits, [tokens, numExperts]), { router: { ...router, topK } });
  const [experts, weights] = [await expected.topKIndices.read(), await expected.expertScalesFloat.read()];
  trials.forEach(({ times, ...found }, i) => {
    group.trials += times;
    if (i === 0) group.repeated += times;
    let lost = 0;
    for (let t = 0; t < tokens; t++) {
      if (isPadding(kind, t)) continue;
      const row = (array, width) => array.subarray(t * width, (t + 1) * width);
      const right = { experts: row(experts, topK), weights: row(weights, topK) };
      const token = { experts: row(found.experts, topK), weights: row(found.weights, topK) };
      const marks = judgeToken(Array.from(row(logits, numExperts), clean), right, token);
      for (const mark of marks) group[mark] += times;
      group.counted += times;
      if (marks.includes('lost')) lost += 1;
    }
    if (lost > 0) group['trials with lost tokens'] += times;
  });
}

/** The levels and outcomes of a token. */
export function judgeToken(logits, right, found) {
  const marks = [];
  const sameOrder = equal(found.experts, right.experts);
  const sameExperts = equal(sorted(found.experts), sorted(right.experts));
  const distinct = new Set(found.experts).size === found.experts.length;
  const inRange = found.experts.every((expert) => expert >= 0 && expert < logits.length);
  const ofExperts = (experts) => Array.from(sorted(Array.from(experts, (expert) => logits[expert])));
  const sameTies = distinct && inRange && equal(ofExperts(found.experts), ofExperts(right.experts));
  if (sameOrder && equal(bitsOf(found.weights), bitsOf(right.weights))) marks.push('same bytes');
  if (sameOrder) marks.push('same experts and order');
  if (sameExperts) marks.push('same experts');
  if (sameTies) marks.push('same up to ties');
  if (weightsNear(logits, right, found)) marks.push('weights within a bound');
  const sum = found.weights.reduce((a, b) => a + b, 0);
  if (distinct && inRange && Number.isFinite(sum) && sum !== 0) marks.push('safe');
  return [...marks, ...outcomes({ logits, right, found, sameExperts, sameTies, inRange, sum })];
}

function outcomes({ logits, right, found, sameExperts, sameTies, inRange, sum }) {
  const marks = [];
  if (sameTies && !sameExperts) {
    const rule = equal(sorted(found.experts), sorted(highest(logits, right.experts.length)))
      ? 'higher'
      : 'another';
    marks.push(`${rule} index of equal logits`);
  }
  if (Number.isNaN(sum)) marks.push('NaN');
  else if (found.weights.every((weight) => weight === 0)) marks.push('zeros');
  if (!inRange && !Number.isNaN(sum) && logits.every((logit) => Math.abs(logit) < MAX)) marks.push('lost');
  const real = found.experts.filter((expert) => expert >= 0);
  if (new Set(real).size < real.length) marks.push('repeated expert');
  return marks;
}

/** The K best, the higher index first where logits are equal. */
const highest = (logits, topK) =>
  [...logits.keys()].sort((a, b) => logits[b] - logits[a] || b - a).slice(0, topK);

/** The weights in the order of their logits, each as the suite bounds it. */
function weightsNear(logits, right, found) {
  const max = Math.max(...logits);
  const [a, b] = [sorted(right.weights), sorted(found.weights)];
  const gaps = sorted(Array.from(right.experts, (expert) => logits[expert] - max));
  return a.every((weight, k) => Math.abs(weight - b[k]) <= weightBound(weight, -gaps[k]));
}

const MAX = 3.4028234663852886e38;
const clean = (value) => (Number.isNaN(value) ? -MAX : Math.min(Math.max(value, -MAX), MAX));
const equal = (a, b) => a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
const sorted = (values) => Float64Array.from(values).sort();
const bitsOf = (floats) => new Uint32Array(floats.slice().buffer);
const decode = (text, ArrayType) => new ArrayType(Uint8Array.from(Buffer.from(text, 'base64')).buffer);
