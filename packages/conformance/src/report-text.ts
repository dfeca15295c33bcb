import type { Difference } from './compare.js';
import { printable } from './printable.js';
import type { CaseResult, ConformanceReport } from './report.js';

/**
 * A failed case in words: every difference, or what was thrown.
 * @param repeat the command that repeats the case, for those who can run it
 */
export function formatFailure(result: CaseResult, repeat?: string): string {
  const { id, error, differences, notJudged = [] } = result;
  const lines = [`FAILED ${printable(id)}`];
  if (error) lines.push(`  threw ${printable(errorLine(error))}`);
  for (const difference of differences) lines.push(`  ${printable(formatDifference(difference))}`);
  for (const { operation, reason } of notJudged)
    lines.push(`  ${printable(`${operation} was not judged: ${reason}`)}`);
  if (repeat !== undefined) lines.push(`  repeat: ${repeat}`);
  return lines.join('\n');
}

function errorLine({ name, code, message }: NonNullable<CaseResult['error']>): string {
  return `${name}${code ? ` ${code}` : ''}: ${message}`;
}

function formatDifference({
  case: label,
  operation,
  tensor,
  index,
  expected,
  found,
  count,
}: Difference): string {
  const stage = operation === undefined || operation === label ? '' : `${operation}: `;
  const element = index.length > 0 ? `${tensor}[${index.join(', ')}]` : tensor;
  const wrong = index.length > 0 ? ` (${count} wrong in all)` : '';
  return `${label}: ${stage}${element}: expected ${expected}, found ${found}${wrong}`;
}

/** What a failed case is put down to: the operation at fault, or else the result or the error. */
export function causeOf({ differences, error }: CaseResult): string {
  const [first] = differences;
  return first?.operation ?? first?.tensor ?? error?.code ?? error?.name ?? 'unknown';
}

/** `342 failed: planDispatch 340 (first: golden/…), memory().liveBytes 2 (first: …)` */
function formatCauses(cases: readonly CaseResult[]): string {
  const failed = cases.filter(({ status }) => status === 'failed');
  const causes = new Map<string, CaseResult[]>();
  for (const result of failed) causes.set(causeOf(result), [...(causes.get(causeOf(result)) ?? []), result]);
  const parts = [...causes]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([cause, results]) => printable(`${cause} ${results.length} (first: ${results[0].id})`));
  return `${failed.length} failed: ${parts.join(', ')}`;
}

/** The end of a run: what was not claimed, what the failures are put down to, and the totals. */
export function formatTotals({ backend, totals, cases, complete }: ConformanceReport): string {
  const lines: string[] = [];
  for (const { id, status, reason, link } of cases) {
    if (reason !== undefined)
      lines.push(printable(`${status} ${id}: ${reason}${link === undefined ? '' : ` (${link})`}`));
  }
  if (totals.failed > 0) lines.push(formatCauses(cases));
  const seconds = cases.reduce((sum, { ms }) => sum + ms, 0) / 1000;
  const notClaimed = totals.notClaimed > 0 ? `, ${totals.notClaimed} not claimed` : '';
  lines.push(printable(`${backend.name} (${backend.device}), ${seconds.toFixed(1)} s`));
  const expected = totals.expectedFailures > 0 ? `, ${totals.expectedFailures} failed as expected` : '';
  const stopped = complete ? '' : ', stopped before the last case';
  lines.push(`${totals.passed} passed, ${totals.failed} failed${expected}${notClaimed}${stopped}`);
  return lines.join('\n');
}

/**
 * The command that repeats one case.
 * @param module what `--backend` was given, if known
 * @param same further options of the run, each with a space before it
 */
export function repeatCommand(module: string | undefined, id: string, same = ''): string {
  const backend = module === undefined ? '<module>' : shellWord(module);
  const random = /^random\/seed=(\d+)$/.exec(id);
  const seed = random ? ` --seed ${random[1]} --random 1` : '';
  return `npx moe-conformance run --backend ${backend}${same}${seed} --filter ${shellWord(id)}`;
}

/**
 * The command that repeats one test of vitest.
 * @param fullName the names of the test's suites and its own, as vitest matches them: with spaces between
 */
export function repeatInVitest(file: string, fullName: string): string {
  const pattern = `^${fullName.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`;
  return `npx vitest run ${shellWord(file)} -t ${shellWord(pattern)}`;
}

/** As a shell takes it for one word, whatever is in it. */
export function shellWord(text: string): string {
  if (printable(text) !== text) return `$'${[...text].map(shellEscape).join('')}'`;
  return /^[\w@%+=:,./#-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** For `$'…'` of bash and zsh. */
function shellEscape(character: string): string {
  if (/[\w@%+=,./ -]/.test(character)) return character;
  return `\\U${character.codePointAt(0)!.toString(16).padStart(8, '0')}`;
}
