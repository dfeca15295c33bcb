import type { CaseResult, CaseStatus, ConformanceReport } from '../report.js';

/** Backends × cases: a column for each report, in the given order, and the cases of all of them by group. */
export interface Matrix {
  readonly columns: readonly Column[];
  /** Groups with failures first, else as in the reports. */
  readonly groups: readonly Group[];
}

export interface Column {
  readonly report: ConformanceReport;
  /** Unlike every other column's. */
  readonly label: string;
}

export interface Group {
  readonly name: string;
  /** Failed cases first. */
  readonly rows: readonly Row[];
}

export interface Row {
  readonly id: string;
  /** One for each column; undefined if the case was not run. */
  readonly results: readonly (CaseResult | undefined)[];
}

export function buildMatrix(reports: readonly ConformanceReport[]): Matrix {
  const rows = new Map<string, (CaseResult | undefined)[]>();
  reports.forEach(({ cases }, column) => {
    for (const result of cases) {
      let results = rows.get(result.id);
      if (results === undefined) {
        results = new Array(reports.length).fill(undefined);
        rows.set(result.id, results);
      }
      results[column] = result;
    }
  });
  const groups = new Map<string, Row[]>();
  for (const [id, results] of rows) {
    const name = groupOf(id);
    const group = groups.get(name) ?? [];
    group.push({ id, results });
    groups.set(name, group);
  }
  return {
    columns: labelColumns(reports),
    groups: Array.from(groups, ([name, members]) => ({ name, rows: failuresFirst(members, hasFailed) })).sort(
      (a, b) => Number(b.rows.some(hasFailed)) - Number(a.rows.some(hasFailed)),
    ),
  };
}

/** `golden` of `golden/…`, `generated/ties` of `generated/ties/…`. */
export function groupOf(id: string): string {
  return id.split('/').slice(0, -1).slice(0, 2).join('/') || id;
}

export function hasFailed({ results }: Row): boolean {
  return results.some((result) => result?.status === 'failed');
}

/** How many cases of the group have this status in this column. */
export function countStatus(rows: readonly Row[], column: number, status: CaseStatus): number {
  return rows.filter(({ results }) => results[column]?.status === status).length;
}

function failuresFirst(rows: readonly Row[], failed: (row: Row) => boolean): Row[] {
  return [...rows].sort((a, b) => Number(failed(b)) - Number(failed(a)));
}

/** The backend's name; if several reports share it, with the device; then with a number. */
function labelColumns(reports: readonly ConformanceReport[]): Column[] {
  const names = reports.map(({ backend }) => backend.name);
  const long = reports.map(({ backend }) =>
    names.filter((name) => name === backend.name).length > 1
      ? `${backend.name} (${backend.device})`
      : backend.name,
  );
  return reports.map((report, i) => {
    const same = long.flatMap((label, at) => (label === long[i] ? [at] : []));
    return { report, label: same.length > 1 ? `${long[i]} #${same.indexOf(i) + 1}` : long[i] };
  });
}
