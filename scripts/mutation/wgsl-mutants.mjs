// Systematic mutations of the WGSL in a TypeScript source: one small change each, in the texts of its templates.
import ts from 'typescript';
import { BINARY, mutantAt } from './mutants.mjs';

/** The kernels put spaces around binary operators, and nothing else that looks like one has them. */
const OPERATOR = /(?<= )(<<|>>|<=|>=|==|!=|&&|\|\||\+=|-=|[<>+\-*/%&|])(?= )/g;
/** A whole number: no part of a name or a float, no attribute's argument, no size in a type. */
const INTEGER = /(?<![\w.]|@\w+\()(0x[0-9a-f]+|\d+)(?=u?\b(?![.>]))/g;
const CONDITION = /(?<=\bif \().*(?=\) \{)/g;
const JUMP = /\b(return|break|continue);/g;
/** An assignment or a call that is a line. */
const STATEMENT = /(?<=^[ \t]*)(?!let |var |const |return )[a-z_][\w.[\]() +*-]*( [|+-]?= .*|\(.*\));$/gm;

/** Every mutant of a source, in its order, as findMutants gives them. */
export function findWgslMutants(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const mutants = [];
  const visit = (node) => {
    if (isWgsl(node)) {
      const start = node.getStart(source);
      const part = withoutComments(text.slice(start, node.getEnd()));
      for (const [from, original, replacement] of changes(part)) {
        mutants.push(mutantAt(file, text, source, start + from, start + from + original.length, replacement));
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants.sort((a, b) => a.start - b.start || a.end - b.end);
}

/** A part of a template with statements in it: what is not names of kernels. */
function isWgsl(node) {
  const parts = [
    ts.SyntaxKind.NoSubstitutionTemplateLiteral,
    ts.SyntaxKind.TemplateHead,
    ts.SyntaxKind.TemplateMiddle,
    ts.SyntaxKind.TemplateTail,
  ];
  return parts.includes(node.kind) && /[;{]\s/.test(node.text);
}

/** Comments become spaces, so that places stay what they are. */
export function withoutComments(text) {
  return text.replaceAll(/\/\/.*/g, (comment) => ' '.repeat(comment.length));
}

export function* changes(text) {
  for (const { 0: operator, index } of text.matchAll(OPERATOR)) {
    for (const other of BINARY.get(operator) ?? []) yield [index, operator, other];
  }
  for (const { 0: digits, index } of text.matchAll(INTEGER)) {
    const value = Number(digits);
    // Not −1 for 0, which no u32 is.
    for (const other of value === 0 ? [1] : [value + 1, value - 1]) yield [index, digits, String(other)];
  }
  for (const { 0: condition, index } of text.matchAll(CONDITION)) {
    if (/[&|]{2}|^[!\w.]+$/.test(condition)) yield [index, condition, `!(${condition})`];
  }
  for (const { 0: jump, index } of text.matchAll(JUMP)) yield [index, jump, ';'];
  for (const { 0: statement, index } of text.matchAll(STATEMENT)) yield [index, statement, ';'];
}
