import { createRequire } from 'node:module';
import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type ParseError as JsonError, parse as parseJson, printParseErrorCode } from 'jsonc-parser';
import { BENCH_VERSION, type BenchReport } from '../bench/bench-report.js';
import { ConformanceError } from '../conformance-error.js';
import { type ConformanceReport, countTotals, REPORT_VERSION, type ReportTotals } from '../report.js';

/** A file is no report that this version reads; the message names the file and the place in it. */
export class ReportError extends ConformanceError {
  override readonly name = 'ReportError';
}

/** What `merge` reads and writes: the reports of any number of machines. */
export interface ReportCollection {
  readonly kind: 'collection';
  readonly version: 1;
  readonly reports: readonly ConformanceReport[];
  readonly benches: readonly BenchReport[];
}

const COLLECTION_VERSION = 1;

/**
 * Reads a report of `moe-conformance run --json`.
 * @param fileName named in errors
 * @throws ReportError for an unknown version, for what report.schema.json does not allow, and for totals that are not
 *   those of the cases
 */
export function readReport(text: string, fileName: string): ConformanceReport {
  const value = parse(text, fileName);
  const writer = writerOf(value);
  if (writer !== 'run') throw foreign(fileName, '`run`', writer);
  return checkReport(value, fileName, '');
}

/** Reads a conformance report, a bench report, or a collection of both. @throws ReportError */
export function readCollection(text: string, fileName: string): ReportCollection {
  const value = parse(text, fileName);
  const collection = { kind: 'collection', version: COLLECTION_VERSION } as const;
  const { kind } = value as { kind?: unknown };
  if (kind === 'bench') return { ...collection, reports: [], benches: [checkBench(value, fileName, '')] };
  if (writerOf(value) === 'compare') throw foreign(fileName, '`run`, `bench` or `merge`', 'compare');
  if (kind !== 'collection')
    return { ...collection, reports: [checkReport(value, fileName, '')], benches: [] };
  checkVersion(value, COLLECTION_VERSION, fileName, '');
  return {
    ...collection,
    reports: list(value, 'reports', fileName).map((each, i) => checkReport(each, fileName, `/reports/${i}`)),
    benches: list(value, 'benches', fileName).map((each, i) => checkBench(each, fileName, `/benches/${i}`)),
  };
}

/** The command that wrote the file, as far as its keys tell; `run` for what cannot be told. */
function writerOf(value: object): string {
  const { kind } = value as { kind?: unknown };
  if (kind === 'collection') return 'merge';
  if (kind === 'bench') return 'bench';
  return 'backends' in value && 'failures' in value ? 'compare' : 'run';
}

function foreign(fileName: string, expected: string, writer: string): ReportError {
  return new ReportError(`${fileName}: expected a report of ${expected}, found one of \`${writer}\``);
}

/** A JSON object. */
function parse(text: string, fileName: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ReportError(`${fileName}${placeOfError(text)}`, { cause: error });
  }
  if (isTooDeep(value)) {
    throw new ReportError(`${fileName}: no report: it nests more than ${MAX_DEPTH} objects and arrays`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new ReportError(`${fileName}: expected an object, found ${describe(value)}`);
}

/** A collection has ten. What nests much deeper cannot be written or described: that is recursive. */
const MAX_DEPTH = 32;

function isTooDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []));
  }
  return false;
}

/** JSON.parse does not tell the place of every error. */
function placeOfError(text: string): string {
  const errors: JsonError[] = [];
  try {
    parseJson(text, errors, { disallowComments: true });
  } catch {
    // It is recursive, and JSON.parse is not.
    return ': no JSON: it nests too deeply';
  }
  const [{ error, offset }] = errors;
  const lines = text.slice(0, offset).split('\n');
  return `, line ${lines.length}, column ${lines[lines.length - 1].length + 1}: no JSON: ${printParseErrorCode(error)}`;
}

function list(value: object, key: string, fileName: string): unknown[] {
  const found = (value as Record<string, unknown>)[key];
  if (Array.isArray(found)) return found;
  throw new ReportError(`${fileName}: /${key}: expected an array, found ${describe(found)}`);
}

function checkReport(value: unknown, fileName: string, place: string): ConformanceReport {
  const report = check<ConformanceReport>('../../report.schema.json', REPORT_VERSION, value, fileName, place);
  const seen = new Set<string>();
  report.cases.forEach(({ id }, i) => {
    if (seen.has(id)) throw new ReportError(`${fileName}: ${place}/cases/${i}/id: '${id}' a second time`);
    seen.add(id);
  });
  checkTotals(report, fileName, place);
  return report;
}

/** Pages show the totals first: ones that somebody edited, or whose cases were cut off, would be believed. */
function checkTotals({ totals, cases }: ConformanceReport, fileName: string, place: string): void {
  const counted = countTotals(cases);
  for (const name of Object.keys(counted) as (keyof ReportTotals)[]) {
    if (totals[name] === counted[name]) continue;
    const [expected, found] = [counted[name], totals[name]];
    throw new ReportError(
      `${fileName}: ${place}/totals/${name}: expected ${expected}, as its cases say, found ${found}`,
    );
  }
}

function checkBench(value: unknown, fileName: string, place: string): BenchReport {
  return check<BenchReport>('../../bench.schema.json', BENCH_VERSION, value, fileName, place);
}

const validators = new Map<string, ValidateFunction>();

function check<R>(schema: string, version: number, value: unknown, fileName: string, place: string): R {
  checkVersion(value, version, fileName, place);
  let validate = validators.get(schema);
  if (validate === undefined) {
    validate = new Ajv2020({ allowUnionTypes: true }).compile(createRequire(import.meta.url)(schema));
    validators.set(schema, validate);
  }
  if (validate(value)) return value as R;
  const [{ instancePath, message, params }] = validate.errors ?? [];
  const allowed = params.allowedValues ? `: ${params.allowedValues.join(', ')}` : '';
  throw new ReportError(`${fileName}: ${place}${instancePath || '/'}: ${message}${allowed}`);
}

function checkVersion(value: unknown, version: number, fileName: string, place: string): void {
  const found = (value as { version?: unknown } | null)?.version;
  if (found === version) return;
  const versionPlace = `${place}/version`;
  throw new ReportError(`${fileName}: ${versionPlace}: expected ${version}, found ${describe(found)}`);
}

/** Short, whatever it is. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
