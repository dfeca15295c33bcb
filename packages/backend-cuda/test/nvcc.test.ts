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

it('only near scores, which decide nothing, are compiled to fused or approximate operations', () => {
  const source = fileURLToPath(new URL('../native/kernels/kernels.cu', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'moe-ptx-'));
  try {
    const target = join(folder, 'kernels.ptx');
    execFileSync('nvcc', ['-ptx', '-std=c++17', '-O3', '-arch=compute_90', '-o', target, source]);
    const entries = readFileSync(target, 'utf8')
      .split(/(?=\.entry )/)
      .slice(1);
    expect(entries.length).toBeGreaterThan(60);
    // With a rounding mode, they are not contracted later either.
    const exact = ['add.rn.f32', 'div.rn.f32', 'mul.rn.f32', 'sub.rn.f32'];
    const inexact = new Map(
      entries.flatMap((entry) => {
        const arithmetic = entry.match(/\b(add|sub|mul|mad|fma|div|rcp|ex2)\.[\w.]*f(32|16|64)\b/g) ?? [];
        const others = [...new Set(arithmetic)].filter((operation) => !exact.includes(operation)).sort();
        const [, name] = /^\.entry (\w+)/.exec(entry)!;
        return others.length === 0 ? [] : [[name, others]];
      }),
    );
    // The kernels that choose for a router, with a warp or a tile a row or in one launch (nearly.cuh).
    const near = ['8x8', '16x8', '32x8', '32x12', '32x16'];
    const choosing = ['router_', 'router_decode_', 'router_tile_'].flatMap((kind) =>
      near.map((size) => kind + size),
    );
    expect([...inexact.keys()].sort()).toEqual(choosing.sort());
    const quick = ['add.f32', 'div.approx.f32', 'ex2.approx.f32', 'fma.rn.f32', 'mul.f32', 'sub.f32'];
    for (const operations of inexact.values()) expect(operations).toEqual(quick);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("the driver's interface is declared as in cuda.h", () => {
  const source = fileURLToPath(new URL('support/abi.cc', import.meta.url));
  expect(() => execFileSync('nvcc', ['-std=c++17', '-c', source, '-o', '/dev/null'])).not.toThrow();
});
