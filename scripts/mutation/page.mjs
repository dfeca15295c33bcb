// A backend's section of docs/mutation.md, from the results of a run.

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

/** The reasons for a file of these whose code is not in it any more. */
export function outdated(reasons, sources) {
  const texts = new Map(sources.map(({ file, text }) => [file, text]));
  return reasons.filter(({ file, code }) => texts.has(file) && !texts.get(file).includes(code));
}

/** Puts a backend's section into the page, between its two comments. */
export function placeSection(page, backend, section) {
  const [start, end] = [`<!-- ${backend} -->\n`, `<!-- end of ${backend} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/mutation.md: no place for the section of ${backend}`);
  return `${page.slice(0, from + start.length)}\n${section}\n${page.slice(to)}`;
}

/** @returns the section's text, a summary for the terminal, and how many survivors nobody has explained */
export function renderSection(results, about) {
  const { title, command, found, chosen, sample, seed, seconds, minutes, revision, device } = about;
  const valid = results.filter(({ status }) => status !== 'invalid');
  const survivors = valid.filter(({ status }) => status === 'survived');
  const unexplained = survivors.filter(({ why }) => why === undefined);
  const missed = survivors.filter(({ equivalent }) => equivalent !== true);
  const byHand = results.filter(({ fault }) => fault !== undefined).length;
  const files = [...new Set(results.map(({ file }) => file))];
  const rows = files.map((file) => {
    const ofFile = valid.filter((result) => result.file === file);
    return row(`\`${file}\``, ofFile);
  });
  const killed = valid.length - survivors.length;
  const text = `## ${title}

\`${command} --sample ${sample} --seed ${seed}${seconds === undefined ? '' : ` --seconds ${seconds}`}\`, of revision ${revision}${device}. Of ${found} possible
mutants ${results.length - byHand} were drawn by seed, from all files in proportion; ${byHand} more are the faults of \`faults.json\`.${
    results.length < chosen ? ` The run was ended before ${chosen - results.length} others, in no order.` : ''
  }
The compiler refused ${results.length - valid.length}. The run took ${minutes} minutes. Killed: ${killed} of ${valid.length}, ${percent(killed, valid.length)};
of those that are not equivalent ${percent(killed, killed + missed.length)}.

| file | mutants | killed | equivalent | missed | killed of the rest |
| ---- | ------: | -----: | ---------: | -----: | -----------------: |
${[...rows, row('all', valid)].join('\n')}

Killed by ${killers(valid)}.

${survivors.length === 0 ? 'Nothing survived.' : `The survivors:\n\n${survivors.map(describe).join('\n')}`}
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
