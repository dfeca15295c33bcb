import { readFile } from 'node:fs/promises';
import { ConformanceError } from '../conformance-error.js';
import { type ReportCollection, readCollection } from '../reports/read.js';
import { type Command, parseOptions, UsageError } from './command.js';
import { OUTPUTS, writeOutputs } from './outputs.js';

const USAGE = `usage: moe-conformance merge <report.json>... [options]

Puts the reports of several backends and machines beside one another: files that 'run', 'bench' or 'merge' wrote with
--json, in any mixture.

  --html <file>        one HTML page: backends × cases, differences, errors, routing, times, benchmarks
  --markdown <file>    a summary in Markdown
  --json <file>        all of them in one file, for another merge

Exit code: 0 written, 2 the command is wrong or a file is no report. Failed cases do not change it; 'run' and 'diff' judge.`;

export const mergeCommand: Command = {
  name: 'merge',
  summary: 'puts reports of several machines into one page',
  usage: USAGE,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (positionals.length === 0) throw new UsageError('no report to merge');
  if (Object.keys(values).length === 0)
    throw new UsageError('nothing to write: give --html, --markdown or --json');
  const found = await Promise.all(positionals.map(readReportFile));
  const collection: ReportCollection = {
    kind: 'collection',
    version: 1,
    reports: found.flatMap(({ reports }) => reports),
    benches: found.flatMap(({ benches }) => benches),
  };
  await writeOutputs(values, collection, collection);
  const count = (list: readonly unknown[], noun: string) =>
    `${list.length} ${noun}${list.length === 1 ? '' : 's'}`;
  console.log(`${count(collection.reports, 'report')}, ${count(collection.benches, 'benchmark run')}`);
  return 0;
}

async function readReportFile(file: string): Promise<ReportCollection> {
  return readCollection(await readText(file), file);
}

/** @throws ConformanceError if the file cannot be read */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ConformanceError((error as Error).message);
  }
}

function parse(args: readonly string[]) {
  return parseOptions(args, { allowPositionals: true, options: OUTPUTS });
}
