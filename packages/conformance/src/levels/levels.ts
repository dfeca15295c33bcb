/*
 * How nearly a backend agrees with the contract, beyond passed and failed (docs/levels.md). python/ computes the same by the
 * same rule.
 */

/** Of routing, the nearest first. `none` is no level. */
export const LEVELS = [
  'same bytes',
  'same experts and order',
  'same experts',
  'same up to ties',
  'none',
] as const;
export const NEARNESS = ['same bytes', 'within a bound', 'none'] as const;
const YES_FIRST = [true, false] as const;

/** What a backend can declare. */
export type Level = Exclude<(typeof LEVELS)[number], 'none'>;
type Nearness = (typeof NEARNESS)[number];

/** What a call, a case or a group reaches; what is left out, nothing told. */
export interface Agreement {
  readonly routing?: Level | 'none';
  readonly weights?: Nearness;
  readonly sums?: Nearness;
  /** A call that was made twice gave the same bytes. */
  readonly repeatable?: boolean;
  /** Logits that are no numbers, and padding, do no harm. */
  readonly safe?: boolean;
}

const ORDERS: { readonly [Name in keyof Required<Agreement>]: readonly unknown[] } = {
  routing: LEVELS,
  weights: NEARNESS,
  sums: NEARNESS,
  repeatable: YES_FIRST,
  safe: YES_FIRST,
};

/** The worse of the two, in everything. */
export function worse(a: Agreement, b: Agreement): Agreement {
  const entries = (Object.keys(ORDERS) as (keyof Agreement)[]).flatMap((name) => {
    const known = [a[name], b[name]].filter((value) => value !== undefined);
    const order = ORDERS[name];
    known.sort((one, other) => order.indexOf(other) - order.indexOf(one));
    return known.length === 0 ? [] : [[name, known[0]]];
  });
  return Object.fromEntries(entries);
}

/** Whether routing is as near as the level, and weights are within the bound where they need not be the same. */
export function reaches({ routing = 'none', weights }: Agreement, level: Level): boolean {
  if (LEVELS.indexOf(routing) > LEVELS.indexOf(level)) return false;
  return level === 'same bytes' ? weights === 'same bytes' : weights !== 'none';
}

/** What the cases of each group reach together; those of errors are about something else. */
export function levelsByGroup(
  cases: readonly { readonly id: string; readonly agreement?: Agreement }[],
  groupOf: (id: string) => string,
): GroupLevel[] {
  const groups = new Map<string, Agreement>();
  for (const { id, agreement } of cases) {
    if (agreement === undefined || id.startsWith('errors/')) continue;
    const group = groupOf(id);
    groups.set(group, worse(groups.get(group) ?? {}, agreement));
  }
  return Array.from(groups, ([group, agreement]) => ({ group, ...agreement }));
}

/** A line of a report's `levels`. */
export interface GroupLevel extends Agreement {
  readonly group: string;
}

/** `routing same up to ties, weights within a bound: golden, generated/ties`; nothing of groups that reach all. */
export function formatLevels(levels: readonly GroupLevel[]): string {
  const groups = new Map<string, string[]>();
  for (const { group, ...agreement } of levels) {
    const short = Object.entries(agreement).filter(([, value]) => value !== 'same bytes' && value !== true);
    const words = short
      .map(([name, value]) => (value === false ? `not ${name}` : `${name} ${value}`))
      .join(', ');
    if (words !== '') groups.set(words, [...(groups.get(words) ?? []), group]);
  }
  return Array.from(groups, ([words, names]) => `${words}: ${names.join(', ')}`).join('\n');
}
