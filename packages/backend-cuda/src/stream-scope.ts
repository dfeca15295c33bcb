/** The time in which a backend issues on a stream of the caller's. */
export class StreamScope {
  /** The CUstream that it issues on. */
  readonly handle: bigint;
  private readonly onEnd: () => void;

  constructor(handle: bigint, onEnd: () => void) {
    this.handle = handle;
    this.onEnd = onEnd;
  }

  /** Goes back to the stream before, whose later work waits for this one's. Doing it twice is harmless. */
  end(): void {
    this.onEnd();
  }

  [Symbol.dispose ?? (Symbol.for('Symbol.dispose') as typeof Symbol.dispose)](): void {
    this.end();
  }
}
