/** Work that takes as long as copying fewer bytes is done before a worker wakes: the caller does it alone. */
export const LEAST_SHARED = 2 ** 19;
/** Threads are not equally fast, so they take several chunks each. */
export const CHUNKS_PER_THREAD = 8;
