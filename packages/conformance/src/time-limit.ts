/** How long one case may take, in milliseconds, unless told otherwise. */
export const DEFAULT_TIMEOUT = 30_000;

/** How long making a backend may take, in milliseconds. */
export const BACKEND_LIMIT = 120_000;

/** A longer one, Infinity included, would end at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * What `work` gives; or 'timeout' after so many milliseconds; or 'aborted'. The work itself goes on, nobody waits for it.
 */
export async function withTimeLimit<V>(
  work: Promise<V>,
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<V | 'timeout' | 'aborted'> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let abort = () => {};
  const limit = new Promise<'timeout' | 'aborted'>((resolve) => {
    timer = setTimeout(() => resolve('timeout'), Math.min(milliseconds, LONGEST_TIMER));
    abort = () => resolve('aborted');
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** What a case gets that took too long. */
export function timeLimitError(milliseconds: number): { name: string; message: string } {
  return { name: 'TimeLimitError', message: `no result within ${milliseconds / 1000} s` };
}
