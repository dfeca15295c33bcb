/*
 * Work that threads share. The thread that calls an operation writes a job: a kernel, its units (tokens or rows) in chunks,
 * and its fields. Whoever is free takes the next chunk, the caller included, so no job waits for a thread to begin.
 * src/kernels.ts and src/threads.ts have the same places.
 */

/** Places in the memory, each in a cache line of its own: chunks that are not taken, chunks done, jobs announced. */
const OPEN: usize = 128;
const DONE: usize = 192;
const ANNOUNCED: usize = 256;
const JOB: usize = 320;

/** How often a worker looks for the next job before it sleeps: the jobs of a dispatch follow one another. */
const LOOKS: i32 = 5000;

/** Field `index` of the job: 0 to 5 are the kernel, chunks, units, units in a chunk, workspace and its bytes for a thread. */
// @ts-ignore: a decorator
@inline
export function field(index: usize): u32 {
  return load<u32>(JOB + 4 * index);
}

// @ts-ignore: a decorator
@inline
export function floatField(index: usize): f32 {
  return load<f32>(JOB + 4 * index);
}

/**
 * Takes a chunk: its index, or −1 if none is left. Fields are read afterwards only: they stay as they are until the chunk is
 * done.
 */
export function takeChunk(): i32 {
  while (true) {
    const open = atomic.load<i32>(OPEN);
    if (open <= 0) return -1;
    if (atomic.cmpxchg<i32>(OPEN, open, open - 1) == open) return <i32>field(1) - open;
  }
}

export function finishChunk(): void {
  if (atomic.add<i32>(DONE, 1) + 1 == <i32>field(1)) atomic.notify(DONE, 1);
}

/** The number of a job after `last`, once it is announced; a negative one ends the worker. */
export function awaitJob(last: i32): i32 {
  for (let i = 0; i < LOOKS; i++) {
    const now = atomic.load<i32>(ANNOUNCED);
    if (now != last) return now;
  }
  atomic.wait<i32>(ANNOUNCED, last, -1);
  return atomic.load<i32>(ANNOUNCED);
}
