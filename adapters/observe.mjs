// What one backend gives for every input, each call made several times: an observation, as python/observe.py writes it too.
import { routeTokens } from '@moe-dispatch/core';
import { CASES, SHAPES, TOKENS, TRIALS } from './inputs.mjs';

/** A case may use this part of the time; then it has fewer trials. */
const CASE_SHARE = 1 / 8;

/**
 * @param {import('@moe-dispatch/core').BackendFactory} factory
 * @param {object} router without topK
 * @param {number} seconds after which no further case begins
 * @param {(id: string) => boolean} isWanted
 * @param {(observation: object) => void} onCase is given what was observed until then
 */
export async function observe(factory, router, seconds, isWanted, onCase) {
  const backend = await factory.create();
  const { name, device } = backend.info;
  const end = Date.now() + 1000 * seconds;
  const cases = [];
  for (const { id, numExperts, topK, tokens, logits } of bestFirst().filter((input) => isWanted(input.id))) {
    if (Date.now() > end) break;
    const gating = backend.tensor(logits(), [tokens, numExperts]);
    try {
      cases.push({ id, trials: await trialsOf(gating, { ...router, topK }, 1000 * seconds * CASE_SHARE) });
    } catch (error) {
      cases.push({ id, refused: firstLine(error) });
    } finally {
      gating.dispose();
    }
    onCase({ name, device, router, cases });
  }
  backend.dispose();
}

/**
 * For a slow device: each number of tokens with the fewest experts and each number of experts with one token, then the
 * rest, the smaller first.
 */
function bestFirst() {
  const isEdge = ({ numExperts, tokens }) => numExperts === SHAPES[0][0] || tokens === TOKENS[0];
  const size = ({ numExperts, tokens }) => numExperts * tokens;
  return [...CASES].sort((a, b) => isEdge(b) - isEdge(a) || size(a) - size(b));
}

/** Each different result, and how often it came. */
async function trialsOf(gating, router, milliseconds) {
  const trials = [];
  const end = Date.now() + milliseconds;
  for (let i = 0; i < TRIALS && (i === 0 || Date.now() < end); i++) {
    const { topKIndices, expertScalesFloat } = routeTokens(gating, { router });
    const [experts, weights] = (await Promise.all([topKIndices.read(), expertScalesFloat.read()])).map(
      base64,
    );
    topKIndices.dispose();
    expertScalesFloat.dispose();
    const same = trials.find((trial) => trial.experts === experts && trial.weights === weights);
    if (same) same.times += 1;
    else trials.push({ times: 1, experts, weights });
  }
  return trials;
}

const base64 = ({ buffer, byteOffset, byteLength }) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

const firstLine = (error) =>
  String(error?.message ?? error)
    .split('\n')[0]
    .slice(0, 300);
