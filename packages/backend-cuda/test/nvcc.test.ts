import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { compile, describe, MANIFEST, nvccVersion } from '../scripts/fatbin.mjs';

it('the kernels compile anew, with the same nvcc to the same bytes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moe-fatbin-'));
  try {
    const target = join(folder, 'kernels.fatbin');
    compile(target);
    const made = readFileSync(target);
    expect(made.length).toBeGreaterThan(100_000);
    const manifest = JSON.parse(readFileSync(MANIFEST, 'utf8'));
    const nvcc = nvccVersion()!;
    if (nvcc === manifest.nvcc) expect(describe(made, nvcc)).toEqual(manifest);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('nothing is compiled to a fused or an approximate operation', () => {
  const source = fileURLToPath(new URL('../native/kernels/kernels.cu', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'moe-ptx-'));
  try {
    const target = join(folder, 'kernels.ptx');
    execFileSync('nvcc', ['-ptx', '-std=c++17', '-O3', '-arch=compute_90', '-o', target, source]);
    const text = readFileSync(target, 'utf8');
    expect(text.match(/\.entry /g)!.length).toBeGreaterThan(60);
    const arithmetic = text.match(/\b(add|sub|mul|mad|fma|div|rcp|ex2)\.[\w.]*f(32|16|64)\b/g);
    // With a rounding mode, they are not contracted later either.
    const exact = ['add.rn.f32', 'div.rn.f32', 'mul.rn.f32', 'sub.rn.f32'];
    expect([...new Set(arithmetic)].sort()).toEqual(exact);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("the driver's interface is declared as in cuda.h", () => {
  const source = fileURLToPath(new URL('support/abi.cc', import.meta.url));
  expect(() => execFileSync('nvcc', ['-std=c++17', '-c', source, '-o', '/dev/null'])).not.toThrow();
});
