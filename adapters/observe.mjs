// What one backend gives for every input, each call made several times: an observation, as python/observe.py writes it too.
import { routeTokens } from '@moe-dispatch/core';
import { CASES, TRIALS } from './inputs.mjs';

/**
 * @param {import('@moe-dispatch/core').BackendFactory} factory
 * @param {object} router without topK
 * @param {number} seconds after which no further case begins
 * @param {(id: string) => boolean} isWanted
 */
export async function observe(factory, router, seconds, isWanted) {
  const backend = await factory.create();
  const end = Date.now() + 1000 * seconds;
  const cases = [];
  for (const { id, numExperts, topK, tokens, logits } of CASES.filter(({ id }) => isWanted(id))) {
    if (Date.now() > end) break;
    const gating = backend.tensor(logits(), [tokens, numExperts]);
    try {
      cases.push({ id, trials: await trialsOf(gating, { ...router, topK }) });
    } catch (error) {
      cases.push({ id, refused: firstLine(error) });
    } finally {
      gating.dispose();
    }
  }
  const { name, device } = backend.info;
  backend.dispose();
  return { name, device, router, cases };
}

/** Each different result, and how often it came. */
async function trialsOf(gating, router) {
  const trials = [];
  for (let i = 0; i < TRIALS; i++) {
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
