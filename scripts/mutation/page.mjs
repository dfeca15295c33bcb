// The page of a mutation run, from its results.

/** Gives survivors their reason from survivors.json, by file, line of code, change, and where that is not enough, column. */
export function explain(results, reasons) {
  return results.map((result) => {
    const { status, file, code, column, original, replacement } = result;
    if (status !== 'survived') return result;
    const known = reasons.find(
      (entry) =>
        entry.file === file &&
        entry.code === code &&
        entry.change === `${original} → ${replacement}` &&
        (entry.column ?? column) === column,
    );
    return known === undefined ? result : { ...result, why: known.why, equivalent: known.missed !== true };
  });
}

/** @returns the page's text, a summary for the terminal, and how many survivors nobody has explained */
export function renderPage(results, { subject, command, caseMs, found, sample, seed, minutes, revision }) {
  const valid = results.filter(({ status }) => status !== 'invalid');
  const survivors = valid.filter(({ status }) => status === 'survived');
  const unexplained = survivors.filter(({ why }) => why === undefined);
  const missed = survivors.filter(({ equivalent }) => equivalent !== true);
  const files = [...new Set(results.map(({ file }) => file))];
  const rows = files.map((file) => {
    const ofFile = valid.filter((result) => result.file === file);
    return row(`\`${file}\``, ofFile);
  });
  const killed = valid.length - survivors.length;
  const text = `# Does the conformance suite notice a wrong kernel?

\`${command}\` changes ${subject} in one place at a time: a bound off by one, \`<\` for \`<=\` or \`>=\`, \`+\` for
\`-\`, a constant ± 1, a condition negated, a statement removed. It runs the conformance suite on each of these mutants. A mutant is
killed when a case fails, does not end within ${caseMs / 1000} s, or crashes. No other test takes part. The command writes this page.

A mutant can be _equivalent_: it still computes what [semantics.md](semantics.md) promises, only with more memory, slower, or by
another way of adding up. No suite can fail it. Each survivor below was read and has its reason: equivalent, or missed and why. One
without a reason counts as missed, and makes the command fail. The last column is killed ÷ (killed + missed).

Of ${found} possible mutants ${results.length} were drawn by seed (\`--sample ${sample} --seed ${seed}\`), from all files in proportion, of revision
${revision}; the compiler refused ${results.length - valid.length}. The run took ${minutes} minutes. Killed: ${killed} of ${valid.length}, ${percent(killed, valid.length)};
of those that are not equivalent ${percent(killed, killed + missed.length)}.

| file | mutants | killed | equivalent | missed | killed of the rest |
| ---- | ------: | -----: | ---------: | -----: | -----------------: |
${[...rows, row('all', valid)].join('\n')}

Killed by ${killers(valid)}.

## The survivors

${survivors.length === 0 ? 'There are none.' : survivors.map(describe).join('\n')}
`;
  const list = unexplained.map(({ file, line, ...change }) => `  ${file}:${line} ${changeOf(change)}`);
  const summary = [row('all', valid), `${unexplained.length} survivors without a reason`, ...list].join('\n');
  return { text, summary, unexplained: unexplained.length };
}

function row(name, results) {
  const killed = results.filter(({ status }) => status === 'killed').length;
  const survivors = results.filter(({ status }) => status === 'survived');
  const missed = survivors.filter(({ equivalent }) => equivalent !== true).length;
  const counts = [
    results.length,
    killed,
    survivors.length - missed,
    missed,
    percent(killed, killed + missed),
  ];
  return `| ${[name, ...counts].join(' | ')} |`;
}

function percent(part, whole) {
  return whole === 0 ? '' : `${((100 * part) / whole).toFixed(1)} %`;
}

/** The groups of cases that killed the most. */
function killers(results) {
  const counts = new Map();
  for (const { status, by } of results) {
    if (status !== 'killed') continue;
    const group =
      /^(golden|random)\//.exec(by)?.[1] ??
      /^(generated|errors)\/[^/]+/.exec(by)?.[0] ??
      'a time limit or crash';
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a).slice(0, 6);
  return sorted.map(([group, count]) => `${group} (${count})`).join(', ');
}

function describe({ file, line, code, why = '**missed**', ...change }) {
  return `- \`${file}:${line}\`, \`${changeOf(change)}\` in \`${code}\`: ${why}`;
}

function changeOf({ original, replacement }) {
  return `${original} → ${replacement}`.replaceAll(/\s+/g, ' ');
}
