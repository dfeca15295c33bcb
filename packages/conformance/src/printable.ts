/** Control characters, those that turn the direction of text, halves of surrogate pairs, and what XML forbids. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\ufffe\uffff]/gu;
/** Commands of a CI's log: GitHub takes `::error::` at the beginning of a line, others `##[error]` or `##vso[…]` anywhere. */
const LOG_COMMAND = /^( ?):(?=:)|#(?=#\w*\[)/g;

/**
 * Text from a backend, a device or a file as every output shows it: on one line, and without anything that acts on a
 * terminal, a page or a CI's log. What is replaced is shown as `\u001b`.
 */
export function printable(text: string): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text
    .replace(/\s+/g, ' ')
    .replace(UNSEEN, escaped)
    .replace(LOG_COMMAND, (found) => found.slice(0, -1) + escaped(found.slice(-1)));
}
