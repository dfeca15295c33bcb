import type { Difference } from './compare.js';
import { printable } from './printable.js';
import type { CaseResult } from './report.js';

/** Differences of a case; a report has all of them. */
const SHOWN = 8;

/**
 * A failed case in words: its first differences, or what was thrown.
 * @param repeat the command that repeats the case, for those who can run it
 */
export function formatFailure(result: CaseResult, repeat?: string): string {
  const { id, error, differences, notJudged = [] } = result;
  const lines = [`FAILED ${printable(id)}`];
  if (error) lines.push(`  threw ${printable(errorLine(error))}`);
  for (const difference of differences.slice(0, SHOWN)) {
    lines.push(`  ${printable(formatDifference(difference))}`);
  }
  if (differences.length > SHOWN) lines.push(`  and ${differences.length - SHOWN} more differences`);
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
