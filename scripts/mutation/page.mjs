// docs/mutation.md from the results of a mutation run.

/** Gives survivors their reason from survivors.json, by file, line of code and change. */
export function explain(results, reasons) {
  return results.map((result) => {
    const { status, file, code, original, replacement } = result;
    if (status !== 'survived') return result;
    const known = reasons.find(
      (entry) =>
        entry.file === file && entry.code === code && entry.change === `${original} → ${replacement}`,
    );
    return known === undefined ? result : { ...result, why: known.why };
  });
}

/** @returns the page's text, a summary for the terminal, and how many survivors nobody has explained */
export function renderPage(results, { found, sample, seed, minutes }) {
  const valid = results.filter(({ status }) => status !== 'invalid');
  const survivors = valid.filter(({ status }) => status === 'survived');
  const unexplained = survivors.filter(({ why }) => why === undefined);
  const files = [...new Set(results.map(({ file }) => file))];
  const rows = files.map((file) =>
    row(
      `\`${file}\``,
      valid.filter((result) => result.file === file),
    ),
  );
  const text = `# Does the conformance suite notice a wrong kernel?

\`pnpm mutation\` changes the kernels of the CPU backend in one place at a time: a bound off by one, \`<\` for \`<=\`, \`+\` for \`-\`,
a constant ± 1, a condition negated, a statement removed. It runs the conformance suite on each of these mutants. A mutant is
killed when a case fails, does not end within 15 s, or crashes. No other test takes part. This page is written by that command.

Of ${found} possible mutants ${results.length} were drawn by seed (\`--sample ${sample} --seed ${seed}\`), over all files in proportion;
the compiler refused ${results.length - valid.length} of them. The run took ${minutes} minutes.

| file | mutants | killed | survived | killed |
| ---- | ------: | -----: | -------: | -----: |
${[...rows, row('all', valid)].join('\n')}

Most were killed by ${killers(valid)}.

## The survivors

${survivors.length === 0 ? 'There are none.' : survivors.map(describe).join('\n')}
`;
  const list = unexplained.map(({ file, line, ...change }) => `  ${file}:${line} ${changeOf(change)}`);
  const summary = [`${row('all', valid)}`, `${unexplained.length} unexplained survivors`, ...list].join('\n');
  return { text, summary, unexplained: unexplained.length };
}

function row(name, results) {
  const killed = results.filter(({ status }) => status === 'killed').length;
  const share = results.length === 0 ? '' : `${((100 * killed) / results.length).toFixed(1)} %`;
  return `| ${name} | ${results.length} | ${killed} | ${results.length - killed} | ${share} |`;
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

function describe({ file, line, code, why = 'NOT EXPLAINED', ...change }) {
  return `- \`${file}:${line}\`, \`${changeOf(change)}\` in \`${code}\`: ${why}`;
}

function changeOf({ original, replacement }) {
  return `${original} → ${replacement}`.replaceAll(/\s+/g, ' ');
}
