// After tsc: takes the comments and the indentation out of the WGSL in dist/kernels, which every user downloads.
// Lines stay where they are, so source maps and the compiler's line numbers do too.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';

const folder = new URL('../dist/kernels/', import.meta.url);
for (const name of readdirSync(folder).filter((file) => file.endsWith('.wgsl.js'))) {
  const file = new URL(name, folder);
  const text = readFileSync(file, 'utf8');
  let stripped = '';
  let end = 0;
  for (const part of templateParts(ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true))) {
    const wgsl = part.getText();
    stripped += text.slice(end, part.getStart());
    stripped += wgsl.replace(/(?<=\n)[ \t]+/g, '').replace(/(?<=\n)\/\/ .*/g, '');
    end = part.end;
  }
  writeFileSync(file, stripped + text.slice(end));
}

/** The text of all templates, between what they insert, in order. */
function templateParts(node) {
  const { NoSubstitutionTemplateLiteral, TemplateHead, TemplateMiddle, TemplateTail } = ts.SyntaxKind;
  if ([NoSubstitutionTemplateLiteral, TemplateHead, TemplateMiddle, TemplateTail].includes(node.kind)) {
    return [node];
  }
  const parts = [];
  ts.forEachChild(node, (child) => {
    parts.push(...templateParts(child));
  });
  return parts;
}
