import { isMoeDispatchError } from '@moe-dispatch/core';
import type { Answer, Call, PlainError } from '../protocol.js';
import { Bench } from './bench.js';

const bench = new Bench();
const scope = self as unknown as {
  onmessage: (event: MessageEvent<Call>) => void;
  postMessage(answer: Answer): void;
};

// One call after the other: a dispatch in between would spoil a timing.
let last: Promise<void> = Promise.resolve();
scope.onmessage = ({ data }) => {
  last = last.then(() => answer(data));
};

async function answer({ id, method, args }: Call): Promise<void> {
  try {
    const result = await bench[method](args as never, (progress) => scope.postMessage({ id, progress }));
    scope.postMessage({ id, result });
  } catch (error) {
    scope.postMessage({ id, error: describeError(error) });
  }
}

function describeError(error: unknown): PlainError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { name, message, code: isMoeDispatchError(error) ? error.code : undefined };
}
