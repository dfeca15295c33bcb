import { describe, invalid } from '@moe-dispatch/core/backend';

/** A string, or a number that Python writes and JSON has not. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;

/**
 * Parses the text of a config.json. Some hold Infinity or NaN, which Python writes and JSON.parse refuses; they become
 * null. No router has such a number.
 * @throws InvalidArgumentError INVALID_ARGUMENT if it is not JSON beyond that
 */
export function parseConfig(text: string): object {
  try {
    return JSON.parse(text.replace(TOKENS, (token) => (token.startsWith('"') ? token : 'null')));
  } catch (cause) {
    throw invalid('INVALID_ARGUMENT', 'text', describe(text), `JSON: ${(cause as Error).message}`);
  }
}
