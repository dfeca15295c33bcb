import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

const read = (file: string) => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');

/** The strings of `export type ErrorCode = 'A' | 'B' …`. */
function errorCodes(): string[] {
  const source = ts.createSourceFile(
    'errors.ts',
    read('packages/core/src/errors.ts'),
    ts.ScriptTarget.ES2022,
  );
  const alias = source.statements.find(
    (statement) => ts.isTypeAliasDeclaration(statement) && statement.name.text === 'ErrorCode',
  ) as ts.TypeAliasDeclaration;
  return (alias.type as ts.UnionTypeNode).types.map(
    (type) => ((type as ts.LiteralTypeNode).literal as ts.StringLiteral).text,
  );
}

it('docs/errors.md lists every error code, once', () => {
  const listed = Array.from(read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` +\|/gm), ([, code]) => code);
  expect(listed.sort()).toEqual(errorCodes().sort());
});
