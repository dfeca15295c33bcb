/** What of a stream is used here, so that a test can stand in for it. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_WIDTH = 30;
const BAR_EVERY_MS = 100;
const LINE_EVERY_MS = 10_000;
const CLEAR_LINE = '\r\x1b[2K';

/** How far a long command is: a bar on a terminal, elsewhere a line every ten seconds. */
export class Progress {
  private readonly stream: ProgressStream;
  private readonly total: number;
  private readonly unit: string;
  private readonly started = performance.now();
  private last: number;

  /** @param unit what is counted, e.g. `cases` */
  constructor(stream: ProgressStream, total: number, unit: string) {
    this.stream = stream;
    this.total = total;
    this.unit = unit;
    // A first line at once would tell nothing; a bar shows that something has begun.
    this.last = stream.isTTY ? Number.NEGATIVE_INFINITY : this.started;
  }

  /** @param note said behind the count, e.g. `2 failed` */
  update(done: number, note: string): void {
    const now = performance.now();
    if (now - this.last < (this.stream.isTTY ? BAR_EVERY_MS : LINE_EVERY_MS)) return;
    this.last = now;
    const seconds = Math.round((now - this.started) / 1000);
    const text = `${done} of ${this.total} ${this.unit}, ${note}, ${seconds} s`;
    if (!this.stream.isTTY) {
      this.stream.write(`${text}\n`);
      return;
    }
    const filled = Math.round((BAR_WIDTH * done) / this.total);
    const line = `[${'#'.repeat(filled).padEnd(BAR_WIDTH, '.')}] ${text}`;
    // A longer line would wrap, and could not be cleared.
    this.stream.write(`${CLEAR_LINE}${line.slice(0, (this.stream.columns || 80) - 1)}`);
  }

  /** Makes room for other output. */
  clear(): void {
    if (this.stream.isTTY) this.stream.write(CLEAR_LINE);
  }
}
