/*
 * The kernels of the CPU backend: AssemblyScript, compiled to WebAssembly SIMD by scripts/build-wasm.mjs and embedded in
 * src/kernels-binary.ts.
 */
export { storeConstants } from './constants';
import { awaitJob, field, finishChunk, takeChunk } from './job';
import { gather, scatter } from './move';
import { reduce } from './reduce';
import { route } from './route';

/** Does some units of the job. */
export function run(first: i32, last: i32, thread: u32): void {
  const workspace: usize = field(4) + thread * field(5);
  const kernel = field(0);
  if (kernel == 0) route(first, last, workspace);
  else if (kernel == 1) scatter(first, last);
  else if (kernel == 2) gather(first, last);
  else reduce(first, last, workspace);
}

/** Does chunks of the job until none is left. */
export function work(thread: u32): void {
  let chunk: i32;
  while ((chunk = takeChunk()) >= 0) {
    const size = <i32>field(3);
    const first = chunk * size;
    run(first, min(first + size, <i32>field(2)), thread);
    finishChunk();
  }
}

/** A worker's life. */
export function serve(thread: u32): void {
  let job = 0;
  while (job >= 0) {
    work(thread);
    job = awaitJob(job);
  }
}
