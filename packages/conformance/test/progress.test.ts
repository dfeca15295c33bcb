import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Progress } from '../src/commands/progress.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** 200 cases of 250 ms each. */
function watch(stream: { isTTY?: boolean; columns?: number }): string[] {
  const written: string[] = [];
  const progress = new Progress({ ...stream, write: (text) => written.push(text) }, 200, 'cases');
  progress.update(0, '0 failed');
  for (let done = 1; done <= 200; done++) {
    vi.advanceTimersByTime(250);
    progress.update(done, '2 failed');
  }
  progress.clear();
  return written;
}

describe('Progress', () => {
  it('writes a plain line every ten seconds where there is no terminal', () => {
    expect(watch({})).toEqual([
      '40 of 200 cases, 2 failed, 10 s\n',
      '80 of 200 cases, 2 failed, 20 s\n',
      '120 of 200 cases, 2 failed, 30 s\n',
      '160 of 200 cases, 2 failed, 40 s\n',
      '200 of 200 cases, 2 failed, 50 s\n',
    ]);
  });

  it('draws a bar on a terminal, over itself, and clears it', () => {
    const written = watch({ isTTY: true, columns: 100 });
    expect(written).toHaveLength(202);
    expect(written[0]).toBe(`\r\x1b[2K[${'.'.repeat(30)}] 0 of 200 cases, 0 failed, 0 s`);
    expect(written[100]).toBe(
      `\r\x1b[2K[${'#'.repeat(15)}${'.'.repeat(15)}] 100 of 200 cases, 2 failed, 25 s`,
    );
    expect(written[201]).toBe('\r\x1b[2K');
  });

  it('keeps to one line of a narrow terminal', () => {
    const longest = Math.max(...watch({ isTTY: true, columns: 40 }).map((text) => text.length));
    expect(longest).toBe('\r\x1b[2K'.length + 39);
  });
});
