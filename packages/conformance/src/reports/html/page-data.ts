import type { CaseResult, Routing } from '../../report.js';
import type { Matrix } from '../matrix.js';

/** What the page's script shows of a chosen case; kept short, because it is there for every case. */
export interface PageData {
  readonly columns: readonly string[];
  readonly cases: readonly PageCase[];
  /** How many pictures of routing were left out for their size. */
  readonly routingLeftOut: number;
}

export interface PageCase {
  readonly id: string;
  /** For each column: milliseconds of a case that passed, all of another one, null if it was not run. */
  readonly results: readonly (number | Omit<CaseResult, 'id' | 'routing'> | null)[];
  readonly routings?: readonly PageRouting[];
}

/** One choice of experts, and the columns that made it. */
export interface PageRouting extends Routing {
  readonly columns: readonly number[];
}

/** Characters of JSON for all pictures of routing together. */
const ROUTING_BUDGET = 600_000;

export function pageData({ columns, groups }: Matrix): PageData {
  const cases = groups
    .flatMap(({ rows }) => rows)
    .map(({ id, results }) => ({ id, results: results.map(shorten), routings: distinctRoutings(results) }));
  // The smallest first, so that the budget holds as many as possible.
  const bySize = cases
    .map((each) => ({
      id: each.id,
      size: JSON.stringify(each.routings).length,
      some: each.routings.length > 0,
    }))
    .filter(({ some }) => some)
    .sort((a, b) => a.size - b.size);
  let used = 0;
  const drawn = new Set(
    bySize
      .filter(({ size }) => {
        used += size;
        return used <= ROUTING_BUDGET;
      })
      .map(({ id }) => id),
  );
  return {
    columns: columns.map(({ label }) => label),
    cases: cases.map(({ routings, ...each }) => (drawn.has(each.id) ? { ...each, routings } : each)),
    routingLeftOut: bySize.length - drawn.size,
  };
}

function shorten(result: CaseResult | undefined): PageCase['results'][number] {
  if (result === undefined) return null;
  const { id: _, routing: __, ms, ...rest } = result;
  const rounded = Number(ms.toPrecision(3));
  return result.status === 'passed' ? rounded : { ...rest, ms: rounded };
}

function distinctRoutings(results: readonly (CaseResult | undefined)[]): PageRouting[] {
  const byContent = new Map<string, { routing: Routing; columns: number[] }>();
  results.forEach((result, column) => {
    if (result?.routing === undefined) return;
    const { numExperts, topKIndices } = result.routing;
    const key = JSON.stringify([numExperts, topKIndices]);
    const same = byContent.get(key);
    if (same) same.columns.push(column);
    else byContent.set(key, { routing: { numExperts, topKIndices }, columns: [column] });
  });
  return Array.from(byContent.values(), ({ routing, columns }) => ({ ...routing, columns }));
}
