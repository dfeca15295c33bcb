/** A key of an object in a JSON text. */
interface Key {
  readonly key: string;
  /** Index of its first character in the text. */
  readonly position: number;
}

/** What scanKeys finds. */
export interface Keys {
  /** Where the keys of the outermost object are. */
  readonly positions: ReadonlyMap<string, number>;
  /** The first key that comes twice in one object. */
  readonly duplicate?: Key;
  /** Where objects and arrays first stand more than MAX_DEPTH deep; the scan ends there. */
  readonly tooDeep?: number;
}

/** Deep enough for every header, and for printing any part of it without running out of stack. */
export const MAX_DEPTH = 16;

/**
 * What JSON.parse does not tell.
 * @param text valid JSON
 */
export function scanKeys(text: string): Keys {
  const positions = new Map<string, number>();
  // The keys seen in each object or array that is open at this point.
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{' || character === '[') {
      if (open.push(new Set()) > MAX_DEPTH) return { positions, tooDeep: i };
    } else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const position = i;
      i = endOfString(text, i);
      if (!colonFollows(text, i + 1)) continue;
      const key: string = JSON.parse(text.slice(position, i + 1));
      const siblings = open[open.length - 1];
      if (siblings.has(key)) return { positions, duplicate: { key, position } };
      siblings.add(key);
      if (open.length === 1) positions.set(key, position);
    }
  }
  return { positions };
}

/** Index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}

function colonFollows(text: string, start: number): boolean {
  let i = start;
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\t' || text[i] === '\r') i += 1;
  return text[i] === ':';
}
