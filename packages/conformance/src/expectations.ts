import { ConformanceError } from './conformance-error.js';
import type { CaseResult } from './report.js';

/** Cases that are known to fail. */
export interface ExpectedFailure {
  /** A case id, or the beginning of one and `*`. */
  readonly id: string;
  /** Why they fail, in words. */
  readonly reason: string;
  /** Where that is discussed: a URL. */
  readonly link: string;
}

/** The content of an expectation file. */
export interface Expectations {
  /** Named in messages. */
  readonly file: string;
  readonly expectedFailures: readonly ExpectedFailure[];
}

const ENTRY_FIELDS = ['id', 'reason', 'link'] as const;
const SHAPE = '{ "expectedFailures": [{ "id": …, "reason": …, "link": … }, …] }';

/**
 * @param text JSON: `{ "expectedFailures": [{ "id": "generated/ties/*", "reason": "…", "link": "https://…" }] }`
 * @param file the file's name, for messages.
 * @throws ConformanceError naming the file and the entry at fault.
 */
export function parseExpectations(text: string, file: string): Expectations {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ConformanceError(`${file}: not JSON: ${(error as Error).message}`);
  }
  if (!isObject(json) || !Array.isArray(json.expectedFailures) || Object.keys(json).length !== 1) {
    throw new ConformanceError(`${file}: expected ${SHAPE}`);
  }
  const expectedFailures = json.expectedFailures.map((entry, i) =>
    checkEntry(entry, `${file}: expectedFailures[${i}]`),
  );
  return { file, expectedFailures };
}

function checkEntry(entry: unknown, where: string): ExpectedFailure {
  if (!isObject(entry))
    throw new ConformanceError(`${where}: expected an object, found ${JSON.stringify(entry)}`);
  for (const field of ENTRY_FIELDS) {
    const value = entry[field];
    if (typeof value === 'string' && value.trim() !== '') continue;
    throw new ConformanceError(`${where}.${field}: expected a text, found ${JSON.stringify(value)}`);
  }
  const unknown = Object.keys(entry).find((key) => !(ENTRY_FIELDS as readonly string[]).includes(key));
  if (unknown !== undefined) throw new ConformanceError(`${where}.${unknown}: no such field`);
  const { id, link } = entry as unknown as ExpectedFailure;
  if (id.slice(0, -1).includes('*')) {
    throw new ConformanceError(`${where}.id: expected '*' at the end only, found '${id}'`);
  }
  if (!URL.canParse(link)) throw new ConformanceError(`${where}.link: expected a URL, found '${link}'`);
  return entry as unknown as ExpectedFailure;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Any random case exists, with the right `--seed`.
 * @param ids all cases, whatever the filter.
 * @throws ConformanceError if an entry names no case.
 */
export function checkExpectations({ file, expectedFailures }: Expectations, ids: readonly string[]): void {
  expectedFailures.forEach((entry, i) => {
    if (/^random\/(seed=(\d+|\d*\*)|\*)$/.test(entry.id) || ids.some((id) => matches(entry, id))) return;
    throw new ConformanceError(`${file}: expectedFailures[${i}]: no case is '${entry.id}'`);
  });
}

/** The result in the light of the expectations: a failure may be expected, and must not pass when it is. */
export function applyExpectations(result: CaseResult, expectations: Expectations | undefined): CaseResult {
  const entry = expectations?.expectedFailures.find((candidate) => matches(candidate, result.id));
  if (entry === undefined || result.status === 'not claimed') return result;
  const { id, reason, link } = entry;
  if (result.status === 'failed') return { ...result, status: 'expected failure', reason, link };
  const { file } = expectations as Expectations;
  const message = `it passes, but ${file} expects it to fail (${reason}): remove or narrow its entry '${id}' there`;
  return { ...result, status: 'failed', error: { name: 'UnexpectedPass', message } };
}

function matches({ id: pattern }: ExpectedFailure, id: string): boolean {
  return pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}
