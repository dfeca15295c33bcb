import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { expNonPositive } from '../src/exp.js';

describe('the embedded kernel', () => {
  it('is what its source compiles to', () => {
    const script = fileURLToPath(new URL('../scripts/build-wasm.mjs', import.meta.url));
    expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toContain('up to date');
  });
});

describe('expNonPositive', () => {
  it('is exp to 4e-8', () => {
    for (let x = 0; x > -100; x -= 0.00137) {
      const error = Math.abs(expNonPositive(x) / Math.exp(x) - 1);
      if (error > 4e-8) expect.fail(`exp(${x}) is off by ${error}`);
    }
    expect(expNonPositive(0)).toBe(1);
  });

  it('is 0 where exp is nothing beside 1', () => {
    expect([-100.1, -1e6, -6.8e38].map(expNonPositive)).toEqual([0, 0, 0]);
  });
});
