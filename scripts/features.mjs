// Writes FEATURES.md from what the built backends claim (their exports `./conformance`). With --check, fails where the file
// is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('..', import.meta.url);
const FILE = new URL('FEATURES.md', ROOT);
const BACKENDS = ['cpu', 'webgpu', 'cuda'];

const built = (name, module) => import(new URL(`packages/${name}/dist/${module}.js`, ROOT));
const { DTYPES } = await built('core', 'index');
const manifests = await Promise.all(
  BACKENDS.map(async (name) => (await built(`backend-${name}`, 'conformance')).manifest),
);

const isFloat = (dtype) => ['float32', 'float16', 'bfloat16'].includes(dtype);
const always = () => true;

/** What the operation's main argument may be, and what of a manifest it needs besides the dtype. */
const OPERATIONS = [
  { name: 'moeDispatch', argument: 'x', takes: always, claimed: always },
  { name: 'prepareDispatch', argument: 'x', takes: always, claimed: (manifest) => manifest.prepareDispatch },
  { name: 'routeTokens', argument: 'gating', takes: (dtype) => dtype === 'float32', claimed: always },
  { name: 'planDispatch', argument: 'topKIndices', takes: (dtype) => dtype === 'int32', claimed: always },
  { name: 'permuteRows', argument: 'x', takes: always, claimed: always },
  { name: 'moeReduce', argument: 'ffnOut', takes: isFloat, claimed: always },
  { name: 'backend.wrap', argument: 'native', takes: always, claimed: (manifest) => manifest.wrap },
];

const text = `<!-- Written by scripts/features.mjs: pnpm features -->

# Features

What each backend claims, by operation and dtype. \`moe-conformance run\` checks the claims: a claim that does not hold is a
failure there, and what is not claimed never counts as passed.

${table([['operation', 'argument', ...Object.keys(DTYPES)], ...OPERATIONS.map(operationRow)])}

"all": ${BACKENDS.join(', ')}. An empty cell: the operation takes no such dtype, on any backend.

## Sizes

${table([
  ['', ...BACKENDS],
  ['experts (E), at most', ...manifests.map(({ maxExperts }) => size(maxExperts))],
  ['choices a token (K), at most', ...manifests.map(({ maxTopK }) => size(maxTopK ?? 'E'))],
  ['bytes of a tensor, at most', ...manifests.map(({ maxTensorBytes }) => size(maxTensorBytes))],
])}

"device": what the device gives, in \`backend.info.limits\`; for the CPU, what the engine's arrays hold.
`;

if (!process.argv.includes('--check')) writeFileSync(FILE, text);
else if (text !== read()) {
  console.error(`${fileURLToPath(FILE)} is out of date: pnpm features`);
  process.exitCode = 1;
}

function operationRow({ name, argument, takes, claimed }) {
  const cell = (dtype) => {
    if (!takes(dtype)) return '';
    const able = BACKENDS.filter((_, i) => claimed(manifests[i]) && manifests[i].dtypes.includes(dtype));
    return able.length === BACKENDS.length ? 'all' : able.join(', ') || 'none';
  };
  return [`\`${name}\``, `\`${argument}\``, ...Object.keys(DTYPES).map(cell)];
}

function size(limit = 'device') {
  return String(limit);
}

/** Markdown, with columns as wide as their widest cell. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const [head, ...body] = rows.map(line);
  return [head, rule, ...body].join('\n');
}

function read() {
  try {
    return readFileSync(FILE, 'utf8');
  } catch {
    return '';
  }
}
