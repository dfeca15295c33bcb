import { diffReports } from '../reports/diff.js';
import { formatDiffMarkdown } from '../reports/markdown.js';
import { readReport } from '../reports/read.js';
import { type Command, parseOptions, UsageError } from './command.js';
import { readText } from './merge.js';
import { OUTPUTS, write } from './outputs.js';

const USAGE = `usage: moe-conformance diff <base.json> <head.json> [options]

Compares two reports that 'run' wrote with --json, and prints in Markdown what changed: regressions (cases that passed in
the base and in the head fail, or are gone), cases that passed and are no longer claimed, other new failures, cases that
fail in both, fixed cases, new cases.

  --markdown <file>    also write it to a file

Exit code: 0 no case is worse, 1 a regression, a case no longer claimed or another new failure, 2 the command is wrong or a
file is no report.`;

export const diffCommand: Command = {
  name: 'diff',
  summary: 'compares a report with an earlier one and fails on a new failure',
  usage: USAGE,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (positionals.length !== 2) throw new UsageError(`expected two reports, found ${positionals.length}`);
  const [base, head] = await Promise.all(
    positionals.map(async (file) => readReport(await readText(file), file)),
  );
  const diff = diffReports(base, head);
  console.log(formatDiffMarkdown(diff, base, head, false).trimEnd());
  if (values.markdown !== undefined) {
    await write('--markdown', values.markdown, formatDiffMarkdown(diff, base, head));
  }
  const { regressions, noLongerClaimed, newFailures } = diff;
  return regressions.length + noLongerClaimed.length + newFailures.length > 0 ? 1 : 0;
}

function parse(args: readonly string[]) {
  const { markdown } = OUTPUTS;
  return parseOptions(args, { allowPositionals: true, options: { markdown } });
}
