import { checkDispatchOf } from '../../checks.js';
import { type ConformanceCase, needing } from '../conformance-case.js';
import { drawn, Random, randomRows } from '../data.js';

/** Larger claims are tried up to here, so that a case stays short. */
const MOST_EXPERTS = 2 ** 16;
const CHOICES = 8;

/** The largest number of experts that the backend claims: the other cases end at 10000. */
export function claimCases(): ConformanceCase[] {
  const id = 'generated/claims/most-experts';
  const run: ConformanceCase['run'] = async (session) => {
    const { maxExperts, maxTopK = maxExperts } = session.claims.limits;
    const numExperts = Math.min(maxExperts, MOST_EXPERTS);
    const random = new Random(id);
    await checkDispatchOf(session, `${numExperts} experts`, {
      x: randomRows(random, 'float32', [3, 1]),
      gatingOutput: drawn('float32', [3, numExperts], () => random.normal()),
      moeTopk: Math.min(maxTopK, numExperts, CHOICES),
    });
  };
  return needing({ numExperts: 1, topK: 1 }, [{ id, run }]);
}
