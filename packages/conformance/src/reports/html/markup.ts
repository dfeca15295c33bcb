import { printable } from '../../printable.js';

/** HTML text, made by `html`: what is put into it is escaped unless it is Markup itself. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | Markup | readonly (string | number | Markup)[];

/**
 * A template whose values cannot become tags or end an attribute in double quotes. Its own line breaks and indents are
 * for its readers: between tags they go, elsewhere they are one space.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  const parts = strings.map((part) => part.replace(/>\s*\n\s*</g, '><').replace(/\s*\n\s*/g, ' '));
  return new Markup(parts.map((part, i) => (i === 0 ? part : render(values[i - 1]) + part)).join(''));
}

/** A table that scrolls if the window is too narrow. */
export function scrollTable(
  className: string,
  label: string,
  heads: readonly string[],
  rows: readonly Markup[],
): Markup {
  const cells = heads.map((head) => html`<th scope="col">${head}</th>`);
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${label}">
    <table class="${className}"><thead><tr>${cells}</tr></thead><tbody>${rows}</tbody></table>
  </div>`;
}

export const NOTHING = new Markup('');

function render(value: Value): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return printable(String(value)).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** JSON inside a script element: no `<`, so that nothing in it ends the element. */
export function jsonScript(value: unknown): Markup {
  const shown = (_: string, each: unknown) => (typeof each === 'string' ? printable(each) : each);
  return new Markup(JSON.stringify(value, shown).replaceAll('<', '\\u003c'));
}

/** Milliseconds in words: `0.12 ms`, `34 ms`, `1.2 s`. */
export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10_000 ? 0 : 1)} s`;
  return `${ms >= 10 ? ms.toFixed(0) : ms.toPrecision(2)} ms`;
}

/** `1,341` */
export function grouped(value: number): string {
  return value.toLocaleString('en');
}

/** A name that may be broken behind a slash, a comma or an underscore, and nowhere else. */
export function breakable(text: string): Markup {
  const parts = text.split(/(?<=[/,_=])/);
  return html`${parts.map((part, i) => (i === 0 ? html`${part}` : html`<wbr>${part}`))}`;
}

/** A large count, short: `1.2 M`. */
export function shortCount(value: number): string {
  if (value < 10_000) return grouped(value);
  return new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 }).format(value);
}

/** `3.2 GB`, decimal. */
export function byteCount(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(value) / 3 + 1e-9)));
  return `${Number((value / 1000 ** power).toPrecision(3))} ${units[power]}`;
}
