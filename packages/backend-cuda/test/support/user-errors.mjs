// Prints, as JSON, what calls of a user's that cannot work throw. Run as a process of its own, with the fake driver.
import { prepare } from '@moe-dispatch/core';
import { cuda } from '../../dist/index.js';

const backend = await cuda().create();
const tensor = backend.empty([16], 'float32');
const disposed = backend.empty([16], 'float32');
disposed.dispose();
const { proxy: revoked, revoke } = Proxy.revocable({}, {});
revoke();
const memory = { devicePtr: tensor.devicePtr, byteLength: 64 };
const wrap = (native, options, shape = [4]) => backend.wrap(native, shape, 'float32', options);
const sizes = { tokens: 4, hidden: 8, numExperts: 4, moeTopk: 2 };

const CALLS = {
  'cuda(null)': () => cuda(null),
  'cuda({ ordinal: -1 })': () => cuda({ ordinal: -1 }),
  'cuda({ device: 0 })': () => cuda({ device: 0 }),
  'wrap(null)': () => wrap(null),
  'wrap(a revoked proxy)': () => wrap(revoked),
  'wrap(a number as devicePtr)': () => wrap({ devicePtr: 4096, byteLength: 64 }),
  'wrap(an odd devicePtr)': () => wrap({ ...memory, devicePtr: memory.devicePtr + 1n }),
  'wrap(without byteLength)': () => wrap({ devicePtr: memory.devicePtr }),
  'wrap(too little memory)': () => wrap(memory, {}, [17]),
  'wrap(too little memory behind byteOffset)': () => wrap(memory, { byteOffset: 52 }),
  'wrap(byteOffset 2)': () => wrap(memory, { byteOffset: 2 }),
  'wrap(byte_offset)': () => wrap(memory, { byte_offset: 4 }),
  'wrap(a disposed tensor)': () => wrap(disposed),
  'withStream(5)': () => backend.withStream(5),
  'prepare(moeReduce, int32)': () => prepare(backend, 'moeReduce', { ...sizes, dtype: 'int32' }),
  'prepare(moeReduce, norm_topk_prob)': () =>
    prepare(backend, 'moeReduce', { ...sizes, dtype: 'float32', norm_topk_prob: true }),
};

const results = {};
for (const [name, call] of Object.entries(CALLS)) {
  try {
    call();
    results[name] = 'nothing';
  } catch (error) {
    results[name] = error.code === undefined ? String(error) : `${error.code} ${error.argument}`;
  }
}
const part = wrap(memory, { byteOffset: 16 });
results['the address behind byteOffset'] = Number(part.devicePtr - memory.devicePtr);
results['the capacity behind byteOffset'] = part.capacity;
results.shown = String(part);
part.dispose();
results['live tensors'] = backend.memory().liveTensors;
console.log(JSON.stringify(results));
backend.dispose();
