import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SOURCE = fileURLToPath(new URL('../support/scores.cc', import.meta.url));

it('the score functions of the device, compiled for the host, have the bits of the reference', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moe-scores-'));
  try {
    const program = join(folder, 'scores');
    execFileSync(process.env.CXX || 'c++', ['-std=gnu++17', '-O2', SOURCE, '-o', program]);
    const { status, stdout } = spawnSync(program, { encoding: 'utf8' });
    expect(stdout).toMatch(/^\d{8,} runs, 0 failures\n$/);
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
