// After tsc: makes the WGSL in dist/kernels small, which every user downloads. Takes out comments and the white space
// that WGSL can do without, and shortens names. Line breaks are escaped, so that the JavaScript's lines stay where
// they are, and source maps right. Then shortens the names of bindings and params, which the JavaScript knows as well.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';

const { SyntaxKind } = ts;
const TEMPLATE_PARTS = [
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateHead,
  SyntaxKind.TemplateMiddle,
  SyntaxKind.TemplateTail,
];
const WORD = /(?<!\w)[A-Za-z_]\w*/g;
const DECLARED = /\b(?:let|var|const|fn|struct|alias)(?:<\w+>)?\s+(\w+)|[({,]\s*(\w+):/g;
const FILE_NAME = /\.[jt]s$/;
/** Made from a buffer's name, and as long as that. */
const MADE_OF = /_(at|first|count)$/;
/** No names, or what a module declares around a kernel's body (wgslModule). */
const RESERVED = ['as', 'do', 'fn', 'if', 'in', 'is', 'of', 'or', 'p', 'run', 'main', 'WORKGROUP'];
/** The letters that code has most come first: they compress best. */
const LOWER_CASE = 'aetoinsrlcdufmphbgvwyxkqjz';
const LETTERS = [...LOWER_CASE, ...LOWER_CASE.toUpperCase()];
const SHORT_NAMES = [...LETTERS, ...LETTERS.flatMap((first) => LETTERS.map((second) => first + second))];

const dist = new URL('../dist/', import.meta.url);
const folder = new URL('kernels/', dist);
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.wgsl.js'))
  .map((name) => readParts(new URL(name, folder)));
for (const { parts } of files) for (const part of parts) part.wgsl = shortenLocals(part.wgsl);
const shortNames = shorten(files);
for (const { file, text, parts } of files) {
  let stripped = '';
  let end = 0;
  for (const part of parts) {
    const wgsl = part.wgsl.replace(WORD, (word) => shortNames.get(word) ?? word);
    stripped += text.slice(end, part.start) + part.open + squeeze(shortenTypes(wgsl)) + part.close;
    end = part.end;
  }
  writeFileSync(file, stripped + text.slice(end));
}
shortenSignatures(files.flatMap(({ words }) => words));

/** A file, the text of all its templates between what they insert, and the words in its strings and property names. */
function readParts(file) {
  const text = readFileSync(file, 'utf8');
  const parts = [];
  const words = [];
  const visit = (node) => {
    if (TEMPLATE_PARTS.includes(node.kind)) {
      const [, open, wgsl, close] = /^([`}])(.*?)(`|\$\{)$/s.exec(node.getText());
      parts.push({ start: node.getStart(), end: node.end, open, wgsl: wgsl.replace(/\/\/.*/g, ''), close });
    } else if (ts.isStringLiteral(node) && !FILE_NAME.test(node.text)) words.push(...wordsOf(node.text));
    else if (ts.isPropertyAssignment(node)) words.push(node.name.getText());
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('', text, ts.ScriptTarget.ES2022, true));
  const imports = [...text.matchAll(/from '\.\/(.*?)'/g)].map(([, name]) => new URL(name, folder).href);
  return { file, text, parts, words, imports };
}

/**
 * Names of one letter for the params and variables of each function that stands in the text as a whole, the same ones in
 * all of them, so that they compress well. A name behind a point is a member.
 */
function shortenLocals(wgsl) {
  return wgsl.replace(
    /\bfn \w+\([^()]*\)[^{}]*\{(?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*\}/g,
    (text) => {
      const locals = new Set(
        [...text.matchAll(/[(,]\s*(\w+):|\b(?:let|var|const) (\w+)/g)].map(
          ([, param, local]) => param ?? local,
        ),
      );
      const shortNames = withShort(
        [...locals],
        wordsOf(text).filter((word) => !locals.has(word)),
      );
      return text.replace(/(?<![\w.])[A-Za-z_]\w*/g, (word) => shortNames.get(word) ?? word);
    },
  );
}

/**
 * Short names for what the templates declare, the same in all of them; two that no kernel has both of may become one. Names that
 * TypeScript knows as well keep theirs: in strings, as properties, or put together from what a template inserts.
 */
function shorten(files) {
  const parts = files.flatMap((file) => file.parts);
  const uses = parts.flatMap(({ wgsl }) => wordsOf(wgsl));
  const kept = new Set([...RESERVED, ...files.flatMap(({ words }) => words)]);
  for (const { open, wgsl, close } of parts) {
    if (open === '}') kept.add(wgsl.match(/^\w*/)[0]);
    if (close === '${') kept.add(wgsl.match(/\w*$/)[0]);
  }
  const counts = new Map();
  for (const name of uses) counts.set(name, (counts.get(name) ?? 0) + 1);
  const declared = parts.flatMap(({ wgsl }) => [...wgsl.matchAll(DECLARED)].map(([, a, b]) => a ?? b));
  const long = [...new Set(declared)].filter((name) => name.length > 2 && !kept.has(name));
  long.sort((a, b) => counts.get(b) - counts.get(a));
  // What a kernel's text is made of: its file and those that it imports.
  const kernels = files.map((file) => {
    const words = new Set(
      withImports(file, files).flatMap(({ parts }) => parts.flatMap(({ wgsl }) => wordsOf(wgsl))),
    );
    return { words, taken: new Set([...kept, ...words]) };
  });
  return new Map(
    long.map((name) => {
      const users = kernels.filter(({ words }) => words.has(name));
      const short = SHORT_NAMES.find((each) => users.every(({ taken }) => !taken.has(each)));
      for (const { taken } of users) taken.add(short);
      return [name, short];
    }),
  );
}

function withImports(file, files, found = new Set()) {
  found.add(file);
  for (const name of file.imports) {
    const other = files.find((each) => each.file.href === name);
    if (other && !found.has(other)) withImports(other, files, found);
  }
  return [...found];
}

/**
 * Shortens WORKGROUP and the names with an underscore among `words`, in all of dist: but for it, bindings and params
 * alone have such names. From a buffer's name others are made: `<name>_count`, `load_<name>`.
 */
function shortenSignatures(words) {
  const files = readdirSync(dist, { recursive: true }).filter((name) => name.endsWith('.js'));
  const texts = files.map((name) => readFileSync(new URL(name, dist), 'utf8'));
  const names = new Set(['WORKGROUP', ...words.filter((word) => word.includes('_') && !MADE_OF.test(word))]);
  const shortNames = withShort([...names], [...RESERVED, ...texts.flatMap(wordsOf)]);
  const known = new RegExp(`\\b(load_)?(${[...names].join('|')})(_at|_first|_count)?\\b`, 'g');
  const short = (_, load = '', name, what = '') => load + shortNames.get(name) + what;
  for (const [i, name] of files.entries()) {
    writeFileSync(new URL(name, dist), texts[i].replace(known, short));
  }
}

/** A name of one letter or two, none of those taken, for each of these. */
function withShort(names, taken) {
  const used = new Set(taken);
  const free = SHORT_NAMES.filter((name) => !used.has(name));
  return new Map(names.map((name, i) => [name, free[i]]));
}

function wordsOf(text) {
  return text.match(WORD) ?? [];
}

/** Behind an operator, a number takes the type of what stands before that. */
function shortenTypes(wgsl) {
  return wgsl
    .replace(/(?<=(?:[-+*/%&|^<>]|[=!<>]=) ?)(0x[0-9a-f]+|\d+)u\b/g, '$1')
    .replace(/\b(vec\d)<([uf])32>/g, '$1$2');
}

/** What stands beside a part is not known, so there only brackets, commas and ends of lines need no space. */
function squeeze(wgsl) {
  return wgsl.replace(/\s+/g, (space, at) => {
    const lines = space.split('\n').length - 1;
    if (isNeeded(wgsl[at - 1], wgsl[at + space.length], lines > 0)) return '\n'.repeat(lines) || ' ';
    return '\\\n'.repeat(lines);
  });
}

/** Between two words, or two operators, which could be read as one. No line of what is inserted ends in the midst of those. */
function isNeeded(before, after, breaksLine) {
  const [left, right] = [before, after].map(kindOf);
  if (left === 'bracket' || right === 'bracket') return false;
  if (left === 'unknown' || right === 'unknown') return !breaksLine;
  return left === right;
}

function kindOf(character = '') {
  if (character === '') return 'unknown';
  if (/[(){}[\],;:]/.test(character)) return 'bracket';
  return /\w/.test(character) ? 'word' : 'operator';
}
