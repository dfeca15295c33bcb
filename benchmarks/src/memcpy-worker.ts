// The other thread of ./memcpy.ts.
import { workerData } from 'node:worker_threads';
import { copier, type Order } from './memcpy.js';

const { bytes, topK, words } = workerData as Order;
const copy = copier(bytes, topK);
/** How often to look for the next copy before going to sleep, as the backend's workers do. */
const LOOKS = 5000;

for (let done = 0; ; ) {
  for (let i = 0; i < LOOKS && Atomics.load(words, 0) === done; i++);
  Atomics.wait(words, 0, done);
  copy();
  Atomics.store(words, 1, ++done);
}
