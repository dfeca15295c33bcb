export type { BackendBench, BenchReport, BenchRow, Shape } from '../bench/bench-report.js';
export { type Change, diffReports, type ReportDiff } from './diff.js';
export { formatHtml } from './html/page.js';
export { formatJUnit } from './junit.js';
export { formatDiffMarkdown, formatMarkdown } from './markdown.js';
export { type ReportCollection, ReportError, readCollection, readReport } from './read.js';
