import type { Session, Sizes } from '../session.js';

/** One named check of a backend. */
export interface ConformanceCase {
  /** Stable: `golden/<fixture>`, `generated/<group>/<name>`, `errors/<name>` or `random/seed=<seed>`. */
  readonly id: string;
  /** Reports what differs to the session; throws NotClaimed where the backend does not claim what it needs. */
  run(session: Session): Promise<void>;
}

/** The cases, each not claimed where the backend claims less than calls of these sizes. */
export function needing(sizes: Sizes, cases: readonly ConformanceCase[]): ConformanceCase[] {
  return cases.map(({ id, run }) => ({
    id,
    run: async (session) => {
      session.requireSizes(sizes);
      await run(session);
    },
  }));
}
