import { writeFile } from 'node:fs/promises';
import type { BenchReport } from '../bench/bench-report.js';
import type { ConformanceReport } from '../report.js';
import { formatHtml } from '../reports/html/page.js';
import { formatJUnit } from '../reports/junit.js';
import { formatMarkdown } from '../reports/markdown.js';
import { UsageError } from './command.js';

const text = { type: 'string' } as const;

/** Options of every command that writes reports, for parseArgs. */
export const OUTPUTS = { json: text, markdown: text, html: text } as const;

/** What to write. */
export interface Results {
  readonly reports: readonly ConformanceReport[];
  readonly benches?: readonly BenchReport[];
  /** What `--backend` was given, for the command that repeats a failure. */
  readonly module?: string;
}

/**
 * Writes what the options ask for; if one cannot be written, still the rest.
 * @param json what `--json` gets, if it is not the only report
 * @throws UsageError if a file cannot be written
 */
export async function writeOutputs(
  files: Readonly<Partial<Record<'json' | 'junit' | 'markdown' | 'html', string>>>,
  { reports, benches = [], module }: Results,
  json: object = reports[0],
): Promise<void> {
  const formats = {
    json: () => `${JSON.stringify(json)}\n`,
    junit: () => formatJUnit(reports[0], module),
    markdown: () => formatMarkdown(reports, module),
    html: () => formatHtml(reports, benches),
  };
  const failures: unknown[] = [];
  for (const [name, format] of Object.entries(formats)) {
    const file = files[name as keyof typeof formats];
    if (file === undefined) continue;
    await write(`--${name}`, file, format()).catch((error) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

export async function write(option: string, file: string, content: string): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}
