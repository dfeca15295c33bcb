// Calls the addon, whose path is given, with arguments that no caller should use: each must throw, or do nothing wrong
// with the fake driver. Prints how many calls threw and returned; a crash is what the test looks for.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

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

// Constructors.
for (const value of VALUES) {
  attempt(() => new addon.Backend(value, fatBinary));
  attempt(() => new addon.Backend(0, value));
  attempt(() => addon.Backend(value));
  attempt(() => new addon.Dispatch(value, 0, 1, 1, 1, 1));
}
for (const bytes of [4, 16, 100, 70_000]) attempt(() => new addon.Backend(0, fatBinary.subarray(0, bytes)));

// Methods on what is no backend, and with arguments of every kind in every place.
const backend = new addon.Backend(0, fatBinary);
const dispatch = new addon.Dispatch(backend, 0, 4, 8, 2, 64);
const memory = backend.allocate(1 << 20);
const GOOD = {
  allocate: [16],
  release: [memory + 8],
  upload: [memory, new Uint8Array(16)],
  read: [memory, 16],
  useStream: [null],
  route: [0, 4, 8, 2, memory, memory, memory],
  plan: [4, 8, 2, memory, memory, memory, memory],
  permute: [4, 2, 64, memory, memory, memory],
  dispatch: [0, 4, 8, 2, 64, ...Array(8).fill(memory)],
  reduce: [0, 4, 2, 16, 8, true, 1.5, ...Array(6).fill(memory)],
};
const pending = [];
const keep = (result) => result instanceof Promise && pending.push(result.catch(() => counts.threw++));
for (const [name, good] of Object.entries(GOOD)) {
  attempt(() => backend[name].call({}, ...good));
  attempt(() => backend[name].call(dispatch, ...good));
  for (let length = 0; length < good.length; length++) {
    if (name !== 'upload' && name !== 'read') keep(attempt(() => backend[name](...good.slice(0, length))));
    for (const value of VALUES) {
      // Addresses are the caller's to get right: those that look valid go to the (here: the host's) memory.
      const touches = ['upload', 'read'].includes(name) && length === 0;
      const clears = typeof value === 'number' && (name === 'plan' || name === 'dispatch');
      if (touches || clears || (name === 'useStream' && typeof value === 'bigint')) continue;
      keep(attempt(() => backend[name](...replaced(good, length, value))));
    }
  }
}
for (const value of VALUES) attempt(() => dispatch.run(value, ...Array(7).fill(value)));
attempt(() => dispatch.run.call(backend, ...Array(8).fill(memory)));

// After the end.
dispatch.dispose();
dispatch.dispose();
attempt(() => dispatch.run(...Array(8).fill(memory)));
keep(backend.read(memory, 1 << 20));
backend.dispose();
backend.dispose();
for (const [name, good] of Object.entries(GOOD)) attempt(() => backend[name](...good));
attempt(() => new addon.Dispatch(backend, 0, 4, 8, 2, 64));
await Promise.all(pending);
console.log(JSON.stringify(counts));
