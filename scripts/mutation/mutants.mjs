// Systematic mutations of a TypeScript (or AssemblyScript) source: one small change each.
import ts from 'typescript';

const { SyntaxKind } = ts;

/** What replaces a binary operator. */
export const BINARY = new Map([
  ['<', ['<=', '>=']],
  ['<=', ['<', '>']],
  ['>', ['>=', '<=']],
  ['>=', ['>', '<']],
  ['===', ['!==']],
  ['!==', ['===']],
  ['==', ['!=']],
  ['!=', ['==']],
  ['+', ['-']],
  ['-', ['+']],
  ['*', ['/']],
  ['/', ['*']],
  ['%', ['*']],
  ['<<', ['>>']],
  ['>>', ['<<']],
  ['>>>', ['>>']],
  ['&', ['|']],
  ['|', ['&']],
  ['&&', ['||']],
  ['||', ['&&']],
  ['+=', ['-=']],
  ['-=', ['+=']],
]);
/** A condition made of one of these is negated by its operator. */
const COMPARISONS = new Set(['<', '<=', '>', '>=', '===', '!==', '==', '!=']);
const UNARY = new Map([
  [SyntaxKind.PlusPlusToken, '--'],
  [SyntaxKind.MinusMinusToken, '++'],
]);

/**
 * Every mutant of a source, in its order: `{ file, line, column, start, end, original, replacement, code }`, where `code`
 * is the line it stands in. Types, imports and the texts of messages are left alone.
 */
export function findMutants(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const mutants = [];
  const add = (start, end, replacement) =>
    mutants.push(mutantAt(file, text, source, start, end, replacement));
  const visit = (node) => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isTemplateExpression(node)) return;
    mutate(node, (place, replacement) => add(place.getStart(source), place.getEnd(), replacement), source);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants.sort((a, b) => a.start - b.start || a.end - b.end);
}

export function mutantAt(file, text, source, start, end, replacement) {
  const { line, character } = source.getLineAndCharacterOfPosition(start);
  const place = { file, line: line + 1, column: character + 1, start, end };
  return { ...place, original: text.slice(start, end), replacement, code: lineAt(text, start) };
}

/** The source with the mutant's change. */
export function applyMutant(text, { start, end, replacement }) {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** `count` mutants, the same for the same seed. */
export function drawSample(mutants, count, seed) {
  const kept = new Set(shuffled(mutants, seed, ({ file }) => file).slice(0, count));
  return mutants.filter((mutant) => kept.has(mutant));
}

/** In another order, the same for the same seed. */
export function shuffled(items, seed, nameOf = () => '') {
  const drawn = items.map((item, i) => ({ item, order: hash(`${seed} ${i} ${nameOf(item)}`) }));
  return drawn.sort((a, b) => a.order - b.order).map(({ item }) => item);
}

function mutate(node, replace, source) {
  const textOf = (part) => part.getText(source);
  if (ts.isBinaryExpression(node)) {
    for (const other of BINARY.get(textOf(node.operatorToken)) ?? []) replace(node.operatorToken, other);
  } else if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const { operand, operator } = node;
    const other = UNARY.get(operator);
    if (other !== undefined)
      replace(node, ts.isPrefixUnaryExpression(node) ? other + textOf(operand) : textOf(operand) + other);
    else if (operator === SyntaxKind.MinusToken || operator === SyntaxKind.ExclamationToken)
      replace(node, textOf(operand));
  } else if (ts.isNumericLiteral(node)) {
    const value = Number(textOf(node));
    // Not −1 for 0: what JavaScript reads and writes at index −1 of a typed array is nothing.
    const others = value === 0 ? [1] : [value + 1, value - 1];
    for (const other of others) if (other !== value) replace(node, String(other));
  } else if (node.kind === SyntaxKind.TrueKeyword || node.kind === SyntaxKind.FalseKeyword) {
    replace(node, node.kind === SyntaxKind.TrueKeyword ? 'false' : 'true');
  } else if (ts.isIfStatement(node)) negate(node.expression, replace, textOf);
  else if (ts.isConditionalExpression(node)) negate(node.condition, replace, textOf);
  else if (isRemovable(node)) replace(node, ';');
}

function negate(condition, replace, textOf) {
  const comparison = ts.isBinaryExpression(condition) && COMPARISONS.has(textOf(condition.operatorToken));
  if (!comparison) replace(condition, `!(${textOf(condition)})`);
}

function isRemovable(node) {
  if (ts.isContinueStatement(node) || ts.isThrowStatement(node)) return true;
  if (ts.isReturnStatement(node)) return node.expression === undefined;
  if (!ts.isExpressionStatement(node)) return false;
  const { expression } = node;
  return !(ts.isCallExpression(expression) && expression.expression.kind === SyntaxKind.SuperKeyword);
}

function lineAt(text, position) {
  const end = text.indexOf('\n', position);
  return text.slice(text.lastIndexOf('\n', position - 1) + 1, end < 0 ? undefined : end).trim();
}

function hash(text) {
  let value = 2166136261;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16777619);
  value = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  return (value ^ (value >>> 15)) >>> 0;
}
