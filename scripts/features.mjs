// Writes FEATURES.md from core's table of operations and what the built backends declare (backend.info). With --check, fails
// if the file is out of date.
import { generate } from './generated-file.mjs';
import { table } from './markdown-table.mjs';

const ROOT = new URL('..', import.meta.url);

const built = (name, module) => import(new URL(`packages/${name}/dist/${module}.js`, ROOT));
const { Backend, DTYPES } = await built('core', 'index');
const { FLOAT_DTYPES, OPERATIONS, TENSORS } = await built('core', 'backend-authors');
const { cpu } = await built('backend-cpu', 'index');
const { WebGpuContract } = await built('backend-webgpu', 'webgpu-contract');
const { CudaContract } = await built('backend-cuda', 'contract');

/** Of each backend. Where there is no device, something that is anything stands for it: what is declared is the same. */
const INFOS = [
  (await cpu().create()).info,
  new Backend(new WebGpuContract(anything(), false, undefined, 'integers')).info,
  new Backend(new CudaContract(anything(), anything())).info,
];
const NAMES = INFOS.map(({ name }) => name);

const text = `<!-- Written by scripts/features.mjs: pnpm features -->

# Features

What each backend claims, by operation and dtype, also for \`prepare\`. \`moe-conformance run\` checks the claims: a claim that does
not hold is a failure there, and what is not claimed never counts as passed.

${table([
  ['operation', 'argument', ...Object.keys(DTYPES)],
  ...Object.keys(OPERATIONS).map(operationRow),
  row('backend.wrap', 'native', Object.keys(DTYPES), ({ wrap }) => wrap),
])}

"all": ${NAMES.join(', ')}. An empty cell: the operation takes no such dtype, on any backend.

## Sizes and sums

${table([
  ['', ...NAMES],
  ['experts (E), at most', ...INFOS.map((info) => size(info, 'maxExperts'))],
  ['choices a token (K), at most', ...INFOS.map(({ limits }) => String(limits.maxTopK ?? 'E'))],
  ['bytes of a tensor, at most', ...INFOS.map((info) => size(info, 'maxTensorBytes'))],
  ['weights and sums exact to the last bit', ...INFOS.map(({ exact }) => (exact ? 'yes' : 'no'))],
])}

"device": what the device gives, in \`backend.info.limits\`; for the CPU, what the engine's arrays hold.
`;

generate(new URL('FEATURES.md', ROOT), text, 'pnpm features');

/** By the dtype of its first input. */
function operationRow(operation) {
  const { inputs, rows } = OPERATIONS[operation];
  const { dtype } = TENSORS[inputs[0]];
  const own = dtype === 'gating' ? FLOAT_DTYPES : [dtype];
  const dtypes = { any: Object.keys(DTYPES), float: FLOAT_DTYPES, none: own }[rows];
  return row(operation, inputs[0], dtypes, ({ operations }) => operations.includes(operation));
}

function row(name, argument, dtypes, claims) {
  const cell = (dtype) => {
    if (!dtypes.includes(dtype)) return '';
    const able = INFOS.filter((info) => claims(info) && info.dtypes.includes(dtype));
    return able.length === INFOS.length ? 'all' : able.map((info) => info.name).join(', ') || 'none';
  };
  return [`\`${name}\``, `\`${argument}\``, ...Object.keys(DTYPES).map(cell)];
}

/** Those of a stand-in say nothing. */
function size({ name, limits }, limit) {
  return name === 'cpu' && limits[limit] < Number.MAX_SAFE_INTEGER ? String(limits[limit]) : 'device';
}

/** Takes the place of a device: has every property, can be called and made. As a number it is the largest. */
function anything() {
  // Not a class, whose prototype no proxy may replace.
  return new Proxy(function stands() {}, {
    get: (_, key) => (key === Symbol.toPrimitive ? () => Number.MAX_SAFE_INTEGER : anything()),
    apply: anything,
    construct: anything,
  });
}
