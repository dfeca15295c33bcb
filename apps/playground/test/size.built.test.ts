import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const LIMIT = 190_000;

describe('the built page', () => {
  const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' });
  const text = (file: string) => readFileSync(join(DIST, file));

  it(`is below ${LIMIT} bytes of gzip, with the conformance suite and everything else but its fixtures`, () => {
    const code = files.filter((file) => /\.(js|css|html)$/.test(file));
    expect(code.length).toBeGreaterThan(3);
    const bytes = code.reduce((sum, file) => sum + gzipSync(text(file), { level: 9 }).length, 0);
    expect(bytes).toBeLessThan(LIMIT);
    const others = files.filter((file) => /\.\w+$/.test(file) && !code.includes(file));
    expect(others.filter((file) => !file.endsWith('.safetensors'))).toEqual([]);
  });

  it('refers to its files relatively, so that it works in any folder', () => {
    const addresses = [
      ...text('index.html')
        .toString()
        .matchAll(/(?:src|href)="([^"]*)"/g),
    ].map(([, address]) => address);
    expect(addresses.length).toBeGreaterThan(2);
    for (const address of addresses) expect(address).toMatch(/^(\.\/|data:)/);
  });
});
