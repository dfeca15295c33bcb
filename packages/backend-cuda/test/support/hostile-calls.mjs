// Calls the addon, whose path is given, with arguments that no caller should use: each must throw, or do nothing wrong
// with the fake driver. Prints how many calls threw and returned; a crash is what the test looks for.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { FIELDS, newBlock, writeSpec } from '../../dist/argument-block.js';

const addon = createRequire(import.meta.url)(process.argv[2]);
const fatBinary = readFileSync(new URL('../../fatbin/kernels.fatbin', import.meta.url));
const detached = new Uint8Array(8);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const VALUES = [
  undefined,
  null,
  true,
  '',
  'text',
  Symbol('s'),
  {},
  [],
  () => 1,
  new Proxy({}, {}),
  0,
  -0,
  -1,
  0.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  1e308,
  Infinity,
  -Infinity,
  NaN,
  0n,
  -1n,
  1n << 64n,
  1n << 200n,
  detached,
  new Uint8Array(0),
  new ArrayBuffer(4),
  new DataView(new ArrayBuffer(4)),
];
const counts = { threw: 0, returned: 0 };
let memory = 0;
const attempt = (call) => {
  try {
    const result = call();
    counts.returned++;
    return result;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    counts.threw++;
    return undefined;
  }
};

const replaced = (list, index, value) => list.map((each, i) => (i === index ? value : each));

/** The arguments of an operation, all good; `changes` by the fields' names. */
function blockOf(operation, changes = {}) {
  const block = newBlock();
  const sizes = { tokens: 4, hidden: 16, numExperts: 8, topK: 2, zeroExperts: 1, sharedExperts: 1 };
  const spec = {
    ...sizes,
    dtype: 'float32',
    gatingDtype: 'float32',
    tensors: [],
    scoringFunc: 'sigmoid',
    selection: 'given',
    nGroup: 1,
    topkGroup: 1,
    groupScoreFunc: 'max',
    normTopkProb: true,
    normEps: 0,
    routedScalingFactor: 1.5,
    zeroExpertKind: 'skip',
    applyRouterWeightOnInput: true,
    jitterEps: 0,
    expertCapacity: 1,
    dropPolicy: 'probs',
    normBeforeDrop: true,
  };
  writeSpec(block, operation, spec);
  for (const { name, kind, index, operations } of FIELDS) {
    if (kind === 'address' && operations.includes(operation)) block[index] = memory;
    if (name in changes) block[index] = changes[name];
  }
  return block;
}

// Constructors.
for (const value of VALUES) {
  attempt(() => new addon.Backend(value, fatBinary));
  attempt(() => new addon.Backend(0, value));
  attempt(() => addon.Backend(value));
  attempt(() => new addon.Prepared(value, blockOf('moeDispatch')));
}
for (const bytes of [4, 16, 100, 70_000]) attempt(() => new addon.Backend(0, fatBinary.subarray(0, bytes)));

// Methods on what is no backend, and with arguments of every kind in every place.
const backend = new addon.Backend(0, fatBinary);
memory = backend.allocate(1 << 20);
const prepared = new addon.Prepared(backend, blockOf('moeDispatch'));
const GOOD = {
  allocate: [16],
  release: [memory + 8],
  upload: [memory, new Uint8Array(16)],
  read: [memory, 16],
  useStream: [null],
  run: [blockOf('moeReduce')],
};
const pending = [];
const keep = (result) => result instanceof Promise && pending.push(result.catch(() => counts.threw++));
for (const [name, good] of Object.entries(GOOD)) {
  attempt(() => backend[name].call({}, ...good));
  attempt(() => backend[name].call(prepared, ...good));
  for (let length = 0; length < good.length; length++) {
    if (name !== 'upload' && name !== 'read') keep(attempt(() => backend[name](...good.slice(0, length))));
    for (const value of VALUES) {
      // Addresses are the caller's to get right: those that look valid go to the (here: the host's) memory.
      const touches = ['upload', 'read'].includes(name) && length === 0;
      if (touches || (name === 'useStream' && typeof value === 'bigint')) continue;
      keep(attempt(() => backend[name](...replaced(good, length, value))));
    }
  }
}

// Numbers of every kind in every field of every operation, eager and prepared.
const NUMBERS = VALUES.filter((value) => typeof value === 'number');
for (const operation of FIELDS[0].values) {
  const good = new addon.Prepared(backend, blockOf(operation));
  for (const { name, operations } of FIELDS) {
    if (!operations.includes(operation)) continue;
    for (const value of NUMBERS) {
      const block = blockOf(operation, { [name]: value });
      attempt(() => backend.run(block));
      attempt(() => good.run(block));
      attempt(() => new addon.Prepared(backend, block))?.dispose();
    }
  }
  good.dispose();
}
/** Fields whose errors do not name them. */
const unnamed = [];
for (const { name, kind, operations } of FIELDS) {
  try {
    backend.run(blockOf(operations[0], { [name]: Number.NaN }));
    if (kind !== 'number') unnamed.push(name);
  } catch ({ message }) {
    if (!message.startsWith(`${name}: `)) unnamed.push(name);
  }
}
for (const value of VALUES) {
  attempt(() => prepared.run(value));
  attempt(() => new addon.Prepared(backend, value));
}
attempt(() => prepared.run(blockOf('planDispatch')));
attempt(() => prepared.run(blockOf('moeDispatch', { tokens: 5 })));
attempt(() => prepared.run.call(backend, blockOf('moeDispatch')));

// After the end.
prepared.dispose();
prepared.dispose();
attempt(() => prepared.run(blockOf('moeDispatch')));
keep(backend.read(memory, 1 << 20));
backend.dispose();
backend.dispose();
for (const [name, good] of Object.entries(GOOD)) attempt(() => backend[name](...good));
attempt(() => new addon.Prepared(backend, blockOf('moeDispatch')));
await Promise.all(pending);
console.log(JSON.stringify({ ...counts, unnamed }));
