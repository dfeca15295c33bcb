/** Counts the tensors of one backend. */
export interface Ledger {
  liveTensors: number;
  liveBytes: number;
}

/** One tensor in the ledger. Closing it twice counts once. */
export class LedgerEntry {
  readonly #ledger: Ledger;
  readonly #bytes: number;
  #open = false;

  /** @param bytes that the backend owns: 0 for a borrowed tensor */
  constructor(ledger: Ledger, bytes: number) {
    this.#ledger = ledger;
    this.#bytes = bytes;
  }

  /** Counts the tensor as live. */
  open(): void {
    this.#add(1);
    this.#open = true;
  }

  /** Counts it no longer. */
  close(): void {
    if (this.#open) this.#add(-1);
    this.#open = false;
  }

  #add(count: number): void {
    this.#ledger.liveTensors += count;
    this.#ledger.liveBytes += count * this.#bytes;
  }
}
