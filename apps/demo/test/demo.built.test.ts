import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from '@moe-dispatch/backend-cuda';
import { packageFixtures, parseGolden } from '@moe-dispatch/conformance';
import { selectBackend } from '@moe-dispatch/core';
import { type HostTensor, readSafetensors, writeSafetensors } from '@moe-dispatch/safetensors';
import { afterAll, describe, expect, it } from 'vitest';
import { factoryOf } from '../src/backends.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'moe-demo-'));
afterAll(() => rmSync(folder, { recursive: true }));

function demo(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
}

/** Without the GPUs, whose drivers and Dawn print what they like. The last --backend counts. */
function demoOnCpu(...args: string[]) {
  return demo('--backend', 'cpu', ...args);
}

function temporary(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('the documentation example', () => {
  const { status, stdout } = demo();

  it('runs', () => expect(status).toBe(0));

  it('runs without complaint on the CPU', () => {
    expect(demoOnCpu()).toMatchObject({ status: 0, stderr: '' });
  });

  it("gives the bytes of Paddle's kernel", () => {
    expect(stdout).toContain('5eb6bfeb891abdcb121028a0246edd4c3231fa6396e099e7c48983ef2dc59e0e');
    expect(stdout).toContain("the same bytes as Paddle's CUDA kernel gave");
  });

  it('draws the load of all 48 experts, in lines of at most 80 columns without colour', async () => {
    const [{ outputs }] = parseGolden(
      await packageFixtures.load('doc-example-softmax'),
      'doc-example-softmax',
    );
    const first = Number(outputs.expertOffsets?.data[1]);
    expect(stdout).toMatch(new RegExp(`^ +0 +[█▏▎▍▌▋▊▉]+ +${first}\\b`, 'm'));
    expect(stdout.match(/█+[▏▎▍▌▋▊▉]? +\d+/g)).toHaveLength(48);
    const results = stdout.slice(stdout.indexOf('Input')).split('\n');
    expect(Math.max(...results.map((line) => [...line].length))).toBeLessThanOrEqual(80);
    expect(stdout).not.toContain('\u001b');
  });

  it('follows a token there and back', async () => {
    const [{ outputs }] = parseGolden(
      await packageFixtures.load('doc-example-softmax'),
      'doc-example-softmax',
    );
    const map = outputs.permuteIndicesPerToken?.data as Int32Array;
    const experts = Array.from((outputs.topKIndices as HostTensor).data.slice(0, 6), Number);
    const rows = experts.map((_, k) => map[k * 1280]);
    for (const [k, expert] of experts.entries()) {
      expect(stdout).toMatch(new RegExp(`^ +${k} +${expert} +0\\.\\d+ +${rows[k]}$`, 'm'));
    }
    expect(stdout).toContain("6 of these 6 rows hold the token's own bytes");
    const difference = /off by at most (\S+) \(any token: (\S+)\)/.exec(stdout)!;
    // x is below 1, and float32 sums of six terms stay within eight roundings of it.
    expect(Number(difference[2])).toBeLessThan(8 * 2 ** -24);
    expect(Number(difference[1])).toBeLessThanOrEqual(Number(difference[2]));
  });

  it('tells the time', () => {
    expect(stdout).toMatch(/[\d.]+ ms for moeDispatch/);
    expect(stdout).toMatch(/[\d.]+ ms for a memcpy of the same 23\.6 MB here: [\d.]+ times/);
  });
});

describe('the CUDA backend', () => {
  it('is used, or named with what stands in its way', async () => {
    const { available, obstacle } = await inspect();
    const { status, stdout } = demo();
    expect(status).toBe(0);
    if (available) expect(stdout).toMatch(/^Backend {2}cuda: /m);
    else expect(stdout).toContain(`Skipped  ${obstacle?.message}\n`);
  });
});

describe('a backend whose package is not installed', () => {
  it('is skipped, and says so', async () => {
    const backend = await selectBackend([factoryOf('abacus'), factoryOf('cpu')]);
    expect(backend.info.name).toBe('cpu');
    const [{ name, reason, error }] = backend.skipped;
    expect(name).toBe('abacus');
    expect(reason).toBe('package: expected @moe-dispatch/backend-abacus, found none installed');
    expect(error).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });
});

describe('--input and --output', () => {
  it.each([
    ['softmax-e48-k6-f32', '--top-k', '6'],
    ['group-e96-k8-bf16', '--top-k', '8', '--group'],
    ['topk-only-negative-e20-k5-f32', '--top-k', '5', '--topk-only'],
  ])("gives Paddle's outputs for %s", async (name, ...options) => {
    const bytes = await packageFixtures.load(name);
    const input = temporary(`${name}.safetensors`, bytes);
    const output = join(folder, `${name}-results.safetensors`);
    const { status, stderr } = demoOnCpu('--input', input, '--output', output, ...options);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const golden = readSafetensors(bytes, name);
    const found = readSafetensors(readFileSync(output), output);
    for (const tensor of ['permute_input', 'permute_indices_per_token', 'top_k_indices']) {
      expect(found.tensors.get(tensor)).toEqual(golden.tensors.get(tensor));
    }
    expect(found.metadata.get('permute_input_sha256')).toBe(golden.metadata.get('permute_input_sha256'));
    // Paddle's token_nums_per_expert is the prefix sum, which is expert_offsets here.
    const prefixSum = golden.tensors.get('token_nums_per_expert')!.data as BigInt64Array;
    const offsets = found.tensors.get('expert_offsets')!.data as Int32Array;
    expect([...offsets]).toEqual([0, ...Array.from(prefixSum, Number)]);
    const counts = found.tensors.get('token_nums_per_expert')!.data as BigInt64Array;
    expect(Array.from(counts, Number)).toEqual(Array.from(offsets.slice(1), (end, e) => end - offsets[e]));
  });

  it('takes a file without tokens', () => {
    const tensors = new Map([
      ['x', { data: new Float32Array(0), shape: [0, 4], dtype: 'float32' as const }],
      ['gating_output', { data: new Float32Array(0), shape: [0, 2], dtype: 'float32' as const }],
    ]);
    const input = temporary('empty.safetensors', writeSafetensors(tensors));
    const { status, stdout, stderr } = demoOnCpu('--input', input);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('permuteInput [0, 4]');
  });
});

describe('mistakes', () => {
  const tensors = new Map([['x', { data: new Float32Array(2), shape: [1, 2], dtype: 'float32' as const }]]);
  const noGating = temporary('no-gating.safetensors', writeSafetensors(tensors));
  const text = temporary('text.safetensors', 'this is not a safetensors file');

  it.each([
    [1, 'no such file', ['--input', join(folder, 'nothing.safetensors')]],
    [1, 'illegal operation on a directory', ['--input', folder]],
    [1, 'byte 0: a header of', ['--input', text]],
    [1, 'expected the tensors x and gating_output, found x', ['--input', noGating]],
    [1, 'no such file or directory', ['--backend', 'cpu', '--output', join(folder, 'no', 'where')]],
    [1, 'an integer from 1 to the number of experts, 48, found 49', ['--top-k', '49']],
    [1, 'a divisor of 48 experts', ['--top-k', '5', '--group']],
    [2, '--token: expected an integer from 0 to 1279, found 1280', ['--token', '1280']],
    [2, "--top-k: expected an integer of at least 1, found '0'", ['--top-k', '0']],
    [2, "--backend: expected one of cuda, webgpu, cpu, found 'tpu'", ['--backend', 'tpu']],
    [2, "Unknown option '--inptu'", ['--inptu', 'x']],
    [2, "Unexpected argument 'x'", ['x']],
  ])('exit code %i: %s', (code, message, args) => {
    const { status, stderr } = demoOnCpu(...args);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(code);
    expect(status).toBe(code);
  });

  it('--help explains all of it', () => {
    const { status, stdout } = demo('--help');
    expect(status).toBe(0);
    for (const option of ['input', 'top-k', 'group', 'topk-only', 'token', 'backend', 'output', 'help']) {
      expect(stdout).toContain(`--${option}`);
    }
  });
});
