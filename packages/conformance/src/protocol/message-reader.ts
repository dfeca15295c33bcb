/** Longer lines are no message. */
const LONGEST_LINE = 2 ** 20;
const SHOWN = 80;

/** Why what a process wrote is no message, in words. */
export class NoMessage extends Error {}

/** A line of JSON, and the bytes behind it. */
export interface Message {
  readonly header: unknown;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Takes messages out of a stream of bytes. */
export class MessageReader {
  private readonly bytesBehind: (header: unknown) => number;
  private readonly chunks: Uint8Array[] = [];
  private length = 0;
  private header: { readonly value: unknown; readonly bytes: number } | undefined;

  /** @param bytesBehind how many bytes follow a line; throws NoMessage if the line is not what was asked for */
  constructor(bytesBehind: (header: unknown) => number) {
    this.bytesBehind = bytesBehind;
  }

  /** @returns the message, if the chunk ends it. @throws NoMessage */
  push(chunk: Uint8Array): Message | undefined {
    this.chunks.push(chunk);
    this.length += chunk.length;
    if (this.header === undefined && !this.readLine(chunk)) return undefined;
    const { value, bytes } = this.header!;
    if (this.length < bytes) return undefined;
    const body = this.take(bytes);
    this.header = undefined;
    if (this.length > 0)
      throw new NoMessage(`wrote ${this.length} bytes more than its message has: ${this.start()}`);
    return { header: value, bytes: body };
  }

  /** How far the message is that has begun, in words; undefined between messages. */
  get unfinished(): string | undefined {
    if (this.header !== undefined) return `${this.length} of ${this.header.bytes} bytes`;
    return this.length === 0 ? undefined : `${this.length} bytes of a line`;
  }

  private readLine(chunk: Uint8Array): boolean {
    const end = chunk.indexOf(0x0a);
    const length = this.length - chunk.length + (end === -1 ? chunk.length : end);
    if (length > LONGEST_LINE) throw new NoMessage(`wrote a line of more than ${LONGEST_LINE} bytes`);
    // Nothing else begins a message: say so before the line ends, which it may never do.
    if (this.chunks[0].length > 0 && this.chunks[0][0] !== 0x7b) throw this.noJson();
    if (end === -1) return false;
    const line = new TextDecoder().decode(this.take(length + 1));
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new NoMessage(`wrote a line that is not JSON: ${JSON.stringify(line.slice(0, SHOWN))}`);
    }
    this.header = { value, bytes: this.bytesBehind(value) };
    return true;
  }

  private noJson(): NoMessage {
    return new NoMessage(`wrote what is no message: ${this.start()} (logs belong on stderr)`);
  }

  private start(): string {
    return JSON.stringify(new TextDecoder().decode(this.take(Math.min(SHOWN, this.length))));
  }

  private take(count: number): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.length);
    let offset = 0;
    for (const chunk of this.chunks.splice(0)) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    this.length = all.length - count;
    if (this.length > 0) this.chunks.push(all.subarray(count));
    return all.slice(0, count);
  }
}
