/** Deep enough for whatever a header may hold beside what is read. */
const MAX_DEPTH = 16;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
/** How much of a value a message quotes. */
const QUOTED = 80;

/**
 * Reads JSON from bytes, one value after another. It keeps nothing but what its caller asks for: a tree of all values
 * takes many times the memory of the text.
 */
export class JsonCursor {
  /** Of the byte that is read next. */
  position: number;
  private readonly bytes: Uint8Array;
  private readonly end: number;
  private readonly fail: (position: number, message: string) => Error;

  /** @param fail makes the error of a place in `bytes` */
  constructor(
    bytes: Uint8Array,
    begin: number,
    end: number,
    fail: (position: number, message: string) => Error,
  ) {
    this.bytes = bytes;
    this.position = begin;
    this.end = end;
    this.fail = fail;
  }

  /** The next character that is no white space; '' at the end. */
  peek(): string {
    while (this.position < this.end) {
      const character = String.fromCharCode(this.bytes[this.position]);
      if (!' \n\t\r'.includes(character)) return character;
      this.position += 1;
    }
    return '';
  }

  /**
   * Reads the members of an object: `onMember` reads each value. A key that comes twice is an error.
   * @returns where each key stands
   */
  object(onMember: (key: string, position: number) => void): ReadonlyMap<string, number> {
    const positions = new Map<string, number>();
    this.members('{', '}', () => {
      this.peek();
      const { position } = this;
      const key = this.string();
      if (positions.has(key)) throw this.fail(position, `'${shortenText(key)}' comes twice`);
      positions.set(key, position);
      this.take(':');
      onMember(key, position);
    });
    return positions;
  }

  string(): string {
    const start = this.position;
    this.skipString();
    let text: string;
    try {
      text = this.decode(start, this.position);
    } catch {
      throw this.fail(start, 'the header is not valid UTF-8');
    }
    try {
      return JSON.parse(text);
    } catch {
      throw this.invalid(start);
    }
  }

  /** An array of at most `most` sizes. Another value is skipped, and undefined. */
  sizes(most: number): number[] | undefined {
    if (this.peek() !== '[') return void this.skip();
    const sizes: number[] = [];
    let fits = true;
    this.members('[', ']', () => {
      const size = /[-\d]/.test(this.peek()) ? this.number() : this.skip();
      fits &&= Number.isSafeInteger(size) && (size as number) >= 0 && sizes.length < most;
      if (fits) sizes.push(size as number);
    });
    // Cut to its length: a growing array has room for more.
    return fits ? sizes.slice() : undefined;
  }

  /** Reads a value and keeps nothing of it. */
  skip(depth = 1): void {
    const character = this.peek();
    if (depth > MAX_DEPTH) {
      throw this.fail(this.position, `the header nests more than ${MAX_DEPTH} objects and arrays`);
    }
    if (character === '"') this.string();
    else if (character === '[') this.members('[', ']', () => this.skip(depth + 1));
    else if (character === '{') {
      this.members('{', '}', () => {
        this.peek();
        this.string();
        this.take(':');
        this.skip(depth + 1);
      });
    } else if (!this.word()) this.number();
  }

  /** Nothing but white space is left. */
  finish(): void {
    if (this.peek() !== '') throw this.invalid(this.position);
  }

  /** The text from `start` to here, for a message. */
  textFrom(start: number): string {
    const end = Math.min(this.position, start + QUOTED);
    return `${new TextDecoder().decode(this.bytes.subarray(start, end))}${end < this.position ? '…' : ''}`;
  }

  private members(open: string, close: string, readMember: () => void): void {
    this.take(open);
    for (let first = true; this.peek() !== close; first = false) {
      if (!first) this.take(',');
      readMember();
    }
    this.position += 1;
  }

  private number(): number {
    const start = this.position;
    while (this.position < this.end && /[-+.\deE]/.test(String.fromCharCode(this.bytes[this.position])))
      this.position += 1;
    const text = this.decode(start, this.position);
    if (!NUMBER.test(text)) throw this.invalid(start);
    return Number(text);
  }

  private word(): boolean {
    const letters = String.fromCharCode(...this.bytes.subarray(this.position, this.position + 5));
    const word = ['true', 'false', 'null'].find((each) => letters.startsWith(each)) ?? '';
    this.position += word.length;
    return word !== '';
  }

  private skipString(): void {
    const start = this.position;
    if (this.peek() !== '"') throw this.invalid(this.position);
    for (this.position += 1; this.position < this.end; this.position++) {
      const byte = this.bytes[this.position];
      if (byte === 0x5c) this.position += 1;
      else if (byte === 0x22) {
        this.position += 1;
        return;
      }
    }
    throw this.invalid(start);
  }

  private take(character: string): void {
    if (this.peek() !== character) throw this.invalid(this.position);
    this.position += 1;
  }

  private decode(from: number, to: number): string {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return decoder.decode(this.bytes.subarray(from, Math.min(to, this.end)));
  }

  private invalid(position: number): Error {
    return this.fail(position, 'the header is not valid JSON');
  }
}

/** For messages: what a file holds may be long. */
export function shortenText(text: string): string {
  return text.length <= QUOTED ? text : `${text.slice(0, QUOTED)}…`;
}
