// docs/divergence.md, made of the reports.
import { table } from '../scripts/markdown-table.mjs';
import { findings, percent, total } from './findings.mjs';

const KINDS = ['float32', 'bfloat16', 'equal', 'nan', 'infinite', 'padding'];
const LEVELS = [
  'same bytes',
  'same experts and order',
  'same experts',
  'same up to ties',
  'weights within a bound',
];

const WORDS = [
  ['word', 'a token counts if'],
  ['same bytes', 'its experts and its weights are those of the contract, to the last bit'],
  ['same experts and order', 'its experts are those of the contract, best first'],
  ['same experts', 'in any order'],
  ['same up to ties', "its experts are K different ones with the logits of the contract's"],
  ['weights within a bound', 'they are as near as the suite asks of a backend that is not exact'],
  ['repeatable', '(of calls, not tokens) the bytes are those of the first of the twenty calls'],
  ['safe', 'it has K different experts and finite weights that are not all 0'],
];

const HEAD = `# How other implementations route

Each implementation below routes the same inputs 20 times, and is held against [the contract](semantics.md) token by token. \`pnpm divergence\`
installs what it needs, runs what the machine can, and writes this page from [the reports](../adapters/reports). Nothing is claimed of
devices that are not named here. An implementation that differs is not wrong: most libraries promise nothing about ties or NaN.

The inputs: logits that are random float32, those rounded to bfloat16 (many ties), all equal, a quarter NaN, a quarter −∞ and a sixteenth +∞, or
with every fourth token padding that holds NaN, of which only the others are judged. E and K are 8 and 2, 64 and 8, 128 and 4, 256 and 8, 512
and 8; there are 1, 2, 16 and 256 tokens.

${table(WORDS)}

A _fused_ operator gives only the weighted sum; [a probe](../packages/conformance/README.md#you-have-only-a-router-or-a-fused-operator) makes it show
experts and weights, but not their order.
`;

const PADDLE = `## Paddle

Eight differences of Paddle's CUDA kernels, recorded on an NVIDIA H200 with the golden fixtures and not run by this command, are listed with
their frequencies in [semantics.md](semantics.md#where-paddles-kernels-differ): counts that are a prefix sum; \`group_moe\` without effect where E is a power
of two up to 256; scales of another group; expert 0 K times where all scores are below −1; repeated experts and NaN scales from NaN; ties of
probabilities that underflow; a running sum that is rounded after every choice; float16 and bfloat16 only.
`;

/**
 * @param {readonly object[]} reports of judge()
 * @param {number} cases how many there are
 */
export function renderPage(reports, cases) {
  const sorted = [...reports].sort((a, b) => (a.name < b.name ? -1 : 1));
  const overview = table([
    ['implementation', 'device', 'float32', 'bfloat16', 'equal', 'weights', 'repeatable', 'NaN', '±∞'],
    ...sorted.map(overviewRow),
  ]);
  const words =
    'Tokens with the same experts for three kinds of logits, weights within the bound of tokens with finite logits, repeatable calls, and tokens that are safe:';
  return [
    HEAD,
    '## Overview\n',
    `${words}\n`,
    `${overview}\n`,
    ...sorted.map((report) => section(report, cases)),
    PADDLE,
  ].join('\n');
}

function overviewRow({ name, device, groups }) {
  const share = (level, kinds, whole = 'counted') => {
    const chosen = groups.filter(({ kind }) => kinds.includes(kind));
    return percent(total(chosen, level), total(chosen, whole));
  };
  const experts = ['float32', 'bfloat16', 'equal'].map((kind) => share('same experts', [kind]));
  const weights = share('weights within a bound', ['float32', 'bfloat16', 'equal', 'padding']);
  const repeatable = share('repeated', KINDS, 'trials');
  return [
    `[${name}](#${name})`,
    device,
    ...experts,
    weights,
    repeatable,
    share('safe', ['nan']),
    share('safe', ['infinite']),
  ];
}

function section(report, cases) {
  const { name, version, device, machine, runtime, router, fused, groups, refused } = report;
  const rows = KINDS.filter((kind) => groups.some((group) => group.kind === kind)).map((kind) => {
    const chosen = groups.filter((group) => group.kind === kind);
    const counted = total(chosen, 'counted');
    const shares = LEVELS.map((level) =>
      fused && level === 'same experts and order' ? 'not shown' : percent(total(chosen, level), counted),
    );
    const repeatable = percent(total(chosen, 'repeated'), total(chosen, 'trials'));
    return [kind, ...shares, repeatable, percent(total(chosen, 'safe'), counted)];
  });
  const observed = groups.length + refused.length;
  const rule = `${router.scoringFunc}${router.normTopkProb ? ', normalised' : ''}`;
  return [
    `## ${name}\n`,
    `${version}, ${runtime}${fused ? ', a fused operator' : ''}; ${rule}. Seen on: ${device}, ${machine}.`,
    ...(observed < cases ? [`It ran ${observed} of the ${cases} cases in the time that it had.`] : []),
    `Shown by \`${commandOf(report)}\`.\n`,
    ...findings(report).map((finding) => `- ${finding}.`),
    '',
    table([['logits', ...LEVELS, 'repeatable', 'safe'], ...rows]),
    '',
  ].join('\n');
}

/** Elsewhere means on a machine that has no Node: there the script in Python ran alone. */
function commandOf({ name, elsewhere }) {
  if (elsewhere === undefined) return `pnpm divergence --only ${name}`;
  return `python3 adapters/python/observe.py --out FILE --only ${name.replace(`${elsewhere}-`, '')}`;
}
