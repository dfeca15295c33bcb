// A program that speaks the protocol and does planDispatch, until it meets 70 tokens: then it does what its argument says.
import { spawn } from 'node:child_process';
import { readSync, writeSync } from 'node:fs';

const [mode = ''] = process.argv.slice(2);
const HELLO = {
  protocol: 'moe-conformance',
  version: 1,
  name: 'hostile',
  device: 'test',
  operations: ['planDispatch'],
  dtypes: ['float32', 'int32', 'int64'],
};

const say = (text) => writeSync(1, text);
const sayLine = (value) => say(`${JSON.stringify(value)}\n`);
const block = () => {
  for (;;);
};
const shell = (script) => spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'inherit', 'inherit'] });

const ACTIONS = {
  hang: block,
  crash: () => process.kill(process.pid, 'SIGSEGV'),
  exit: () => {
    console.error('out of luck');
    process.exit(7);
  },
  garbage: () => say('loading the model …\n'),
  'garbage-without-end': () => say('0123456789'.repeat(1000)),
  'broken-json': () => say('{"id": 1,\n'),
  'long-line': () => {
    for (let i = 0; i < 40; i++) say(`{${' '.repeat(2 ** 16)}`);
  },
  'half-line': () => {
    say('{"id": ');
    process.exit(0);
  },
  'half-bytes': (request) => {
    sayLine({ id: request.id, outputs: request.outputs });
    say('12');
    process.exit(0);
  },
  'half-bytes-and-hang': (request) => {
    sayLine({ id: request.id, outputs: request.outputs });
    block();
  },
  'too-many-bytes': (request) => {
    answer(request, 'and more');
  },
  'another-id': (request) => sayLine({ id: request.id + 1, outputs: [] }),
  'no-outputs': (request) => sayLine({ id: request.id, outputs: [] }),
  'another-shape': (request) => {
    const [first, ...rest] = request.outputs;
    sayLine({ id: request.id, outputs: [{ ...first, dtype: 'int32' }, ...rest] });
  },
  'own-error': ({ id }) => sayLine({ id, error: { code: 'DEVICE_ERROR', message: 'the fan is broken' } }),
  'no-code': ({ id }) => sayLine({ id, error: 'no' }),
  forks: () => {
    // The child holds stdout open and goes on.
    const child = shell('sleep 600');
    console.error(`forked ${child.pid}.`);
    process.exit(0);
  },
  'forks-and-answers': (request) => {
    const child = shell('sleep 600');
    console.error(`forked ${child.pid}.`);
    answer(request);
  },
};

const HELLOS = {
  'hello-none': () => process.exit(3),
  'hello-garbage': () => say('Hello!\n'),
  'hello-other': () => sayLine({ jsonrpc: '2.0' }),
  'hello-version': () => sayLine({ ...HELLO, version: 2 }),
  'hello-operation': () => sayLine({ ...HELLO, operations: ['route'] }),
  'hello-dtypes': () => sayLine({ ...HELLO, dtypes: ['float32'] }),
  'hello-limits': () => sayLine({ ...HELLO, limits: { maxExperts: 0 } }),
};

function readBytes(count) {
  const bytes = Buffer.alloc(count);
  for (let have = 0; have < count; ) {
    const more = readSync(0, bytes, have, count - have, null);
    if (more === 0) process.exit(0);
    have += more;
  }
  return bytes;
}

function readLine() {
  let line = '';
  for (;;) {
    const next = readBytes(1).toString();
    if (next === '\n') return line;
    line += next;
  }
}

let experts;

function answer(request, more = '') {
  const { attributes, inputs } = request;
  const [tokens, topK] = inputs[0].shape;
  const pairs = [...experts.keys()].filter((pair) => experts[pair] >= 0);
  pairs.sort((a, b) => experts[a] - experts[b] || a - b);
  const counts = new BigInt64Array(attributes.numExperts);
  const offsets = new Int32Array(attributes.numExperts + 1);
  const rows = new Int32Array(experts.length).fill(-1);
  for (const pair of pairs) counts[experts[pair]] += 1n;
  counts.forEach((count, e) => {
    offsets[e + 1] = offsets[e] + Number(count);
  });
  pairs.forEach((pair, row) => {
    rows[(pair % topK) * tokens + Math.floor(pair / topK)] = row;
  });
  sayLine({ id: request.id, outputs: request.outputs });
  const results = [counts, offsets, rows].map(({ buffer }) => Buffer.from(buffer));
  writeSync(1, Buffer.concat([...results, Buffer.from(more)]));
}

(HELLOS[mode] ?? (() => sayLine(HELLO)))();
for (;;) {
  const request = JSON.parse(readLine());
  const bytes = readBytes(request.inputs[0].bytes);
  experts = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  if (request.inputs[0].shape[0] === 70 && mode in ACTIONS) ACTIONS[mode](request);
  else answer(request);
}
