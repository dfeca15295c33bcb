// Systematic mutations of the CUDA kernels: what wgsl-mutants.mjs changes, in C++.
import ts from 'typescript';
import { mutantAt } from './mutants.mjs';
import { changes, withoutComments } from './wgsl-mutants.mjs';

/** Lines that declare, or guide the compiler. */
const NO_CODE =
  /^\s*(#|using |static_assert|template|struct |enum |namespace |__device__[^{]*;$)|__launch_bounds__/;
/** A statement that cannot be left out: it declares what others need. */
const DECLARATION = /^(const |constexpr |auto |static |[\w:<>]+[*&]? (const )?\w+( = |\[|;|\())/;

/** Every mutant of a source, in its order, as findMutants gives them. */
export function findCudaMutants(file, text) {
  // Only for places: line and column.
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022);
  const lines = text.split('\n');
  const code = withoutComments(
    text.replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' ')),
  );
  return [...changes(code)]
    .map(([start, original, replacement]) =>
      mutantAt(file, text, source, start, start + original.length, replacement),
    )
    .filter(({ line, original, replacement }) => {
      if (NO_CODE.test(lines[line - 1])) return false;
      return replacement !== ';' || !DECLARATION.test(original);
    })
    .sort((a, b) => a.start - b.start || a.end - b.end);
}
