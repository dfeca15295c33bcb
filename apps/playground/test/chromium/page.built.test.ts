import { readFile } from 'node:fs/promises';
import { cpu } from '@moe-dispatch/backend-cpu';
import { moeDispatch, type RouterOptions, selectBackend } from '@moe-dispatch/core';
import {
  type HostTensor,
  readSafetensors,
  type SafetensorsFile,
  writeSafetensors,
} from '@moe-dispatch/safetensors';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODELS } from '../../src/models.js';
import { launch, type OpenPage, openPage, settle } from './open-page.js';
import { serveBuiltPage } from './static-server.js';

const SHAPE = 'T=96&D=40&E=240&K=6';
let server: Awaited<ReturnType<typeof serveBuiltPage>>;
let browser: Browser;
let open: OpenPage;

beforeAll(async () => {
  server = await serveBuiltPage();
  browser = await launch({ webGpu: true });
  open = await openPage(browser, `${server.url}#${SHAPE}`);
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** What "Download" gives. */
async function download(page: Page): Promise<Buffer> {
  const promise = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download as safetensors' }).click();
  return readFile(await (await promise).path());
}

async function chooseFile(page: Page, name: string, buffer: Buffer | Uint8Array): Promise<void> {
  const file = { name, mimeType: 'application/octet-stream', buffer: Buffer.from(buffer) };
  await page.locator('input[type=file]').setInputFiles(file);
}

function router(page: Page) {
  return page.getByRole('combobox', { name: 'Router' });
}

/** Reads what "Download" gives, where the page says that WebGPU's outputs are the CPU's. */
async function expectSameBits(page: Page): Promise<SafetensorsFile> {
  expect(await page.locator('.badge').textContent()).toBe('WebGPU');
  const verdict = page.locator('.verdict');
  expect(await verdict.textContent()).toBe('Equal: all 7 outputs are the same bits on both.');
  const outputs = await page.locator('.verdict + table td').allTextContents();
  expect(outputs).toEqual(Array(7).fill('the same bits'));
  return readSafetensors(await download(page), 'download');
}

/** Compares the outputs in a file with the CPU's from its inputs. */
async function expectCpuResults(tensors: SafetensorsFile['tensors'], options: RouterOptions): Promise<void> {
  const backend = await selectBackend([cpu()]);
  const put = (name: string) => {
    const found = tensors.get(name);
    return found && backend.tensor(found.data, found.shape, found.dtype);
  };
  const eScoreCorrectionBias = put('e_score_correction_bias');
  const out = moeDispatch(put('x')!, put('gating_output')!, { ...options, eScoreCorrectionBias });
  const offsets = await out.expertOffsets.read();
  const values = offsets.at(-1)! * out.permuteInput.shape[1];
  const permuted = await out.permuteInput.read();
  expect(tensors.get('permute_input')?.data).toEqual(permuted.slice(0, values));
  expect(tensors.get('token_nums_per_expert')?.data).toEqual(await out.tokenNumsPerExpert.read());
  expect(tensors.get('expert_offsets')?.data).toEqual(offsets);
  expect(tensors.get('permute_indices_per_token')?.data).toEqual(await out.permuteIndicesPerToken.read());
  expect(tensors.get('expert_scales_float')?.data).toEqual(await out.expertScalesFloat.read());
  expect(tensors.get('top_k_indices')?.data).toEqual(await out.topKIndices.read());
  backend.dispose();
}

describe('dispatching on WebGPU', () => {
  it('says that it works as soon as a control changes', async () => {
    const { page } = open;
    const busy = await page.evaluate(async () => {
      const router = document.querySelector<HTMLSelectElement>('select:has(optgroup)')!;
      router.value = 'group';
      router.dispatchEvent(new Event('change', { bubbles: true }));
      // Renders in a microtask, long before effects run.
      await new Promise<void>((resolve) => queueMicrotask(resolve));
      return document.querySelector<HTMLElement>('.backend')!.dataset.busy;
    });
    expect(busy).toBe('true');
    await settle(page);
  });

  it.each(['softmax', 'topk-only', 'group'])(
    "%s: the file to download holds the CPU's results",
    async (mode) => {
      const { page } = open;
      await router(page).selectOption(mode);
      await settle(page);
      const { tensors } = await expectSameBits(page);
      expect([tensors.get('x')!.shape, tensors.get('gating_output')!.shape]).toEqual([
        [96, 40],
        [96, 240],
      ]);
      const options = { moeTopk: 6, groupMoe: mode === 'group', topkOnlyMode: mode === 'topk-only' };
      await expectCpuResults(tensors, options);
    },
  );

  it.each(['deepseek-v3', 'llama-4-scout', 'longcat-flash', 'zaya1-8b', 'phi-3.5-moe'])(
    '%s: routes as the CPU does',
    async (mode) => {
      const { numExperts, router } = MODELS.get(mode)!;
      const shape = `T=64&D=16&E=${numExperts}&K=${router.topK}&dtype=bfloat16&mode=${mode}`;
      const { page, complaints } = await openPage(browser, `${server.url}#${shape}`);
      const { tensors, metadata } = await expectSameBits(page);
      expect(JSON.parse(metadata.get('router')!)).toEqual(router);
      await expectCpuResults(tensors, { router });
      // The page takes its own file: the same router, with the bias in it.
      const chosen = await page.locator('.choices').textContent();
      await page.getByRole('spinbutton', { name: 'Seed' }).fill('9');
      await chooseFile(page, 'own.safetensors', writeSafetensors(tensors, metadata));
      await page.getByText(`64 tokens (own.safetensors), ${numExperts} experts`).waitFor();
      expect(await page.locator('.choices').textContent()).toBe(chosen);
      expect(complaints).toEqual([]);
      await page.close();
    },
  );

  it('times both backends', async () => {
    const { page } = open;
    await page.getByRole('button', { name: 'Measure the time' }).click();
    await page.locator('.timing').nth(1).waitFor();
    const [first, second] = await page.locator('.timing').allInnerTexts();
    expect(first).toMatch(/^CPU[\s\S]*[\d.]+ ms median of \d+/);
    expect(second).toMatch(/^WebGPU[\s\S]*[\d.]+ ms median of \d+/);
  });

  it('keeps the settings in the address', async () => {
    const { page } = open;
    await page.getByRole('button', { name: 'Mixtral 8×7B' }).focus();
    await page.getByRole('spinbutton', { name: 'Seed' }).fill('7');
    await page.waitForFunction(() => location.hash.includes('seed=7'));
    expect(new URL(page.url()).hash).toContain(SHAPE);
    await settle(page);
  });
});

describe('mistakes', () => {
  it("shows core's code and text, and goes on when the setting is mended", async () => {
    const { page } = open;
    const topK = page.getByRole('spinbutton', { name: 'K per token' });
    await router(page).selectOption('group');
    await topK.fill('7');
    await page.getByRole('alert').getByText('EXPERTS_NOT_DIVISIBLE').waitFor();
    await topK.fill('241');
    await page.getByRole('alert').getByText('INVALID_TOP_K').waitFor();
    expect(await page.getByRole('alert').textContent()).toContain('240, found 241');
    await topK.fill('6');
    await page.getByRole('alert').waitFor({ state: 'detached' });
  });

  it('refuses sizes that a browser should not be asked for', async () => {
    const { page } = open;
    const tokens = page.getByRole('spinbutton', { name: 'T tokens' });
    await tokens.fill('100000000');
    await page.getByRole('alert').getByText('this page takes at most 256 MiB').waitFor();
    await tokens.fill('-1');
    await page.getByRole('alert').getByText('T: expected an integer of at least 0, found -1').waitFor();
    await tokens.fill('0');
    await page.getByText('No tokens, nothing to draw.').waitFor();
    await tokens.fill('96');
    await page.getByRole('slider', { name: 'Token, in a heat map' }).waitFor();
    await settle(page);
  });

  it('says what is wrong with a file, and stays usable', async () => {
    const { page } = open;
    await chooseFile(page, 'notes.safetensors', Buffer.from('this is not a safetensors file'));
    await page.getByRole('alert').getByText('notes.safetensors, byte 0: a header of').waitFor();
    const x = { data: new Float32Array(2), shape: [1, 2], dtype: 'float32' as const };
    await chooseFile(page, 'half.safetensors', writeSafetensors(new Map([['x', x]])));
    await page
      .getByRole('alert')
      .getByText('half.safetensors: expected the tensors x and gating_output, found x')
      .waitFor();
    const good = await download(page);
    await chooseFile(page, 'good.safetensors', good);
    await page.getByText('good.safetensors: 96 tokens of 40 float32 values, 240 experts').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('dispatches the rows of a dropped file', async () => {
    const { page } = open;
    const gating = new Float32Array(3 * 40);
    // Token 0 likes expert 39, token 1 expert 0, token 2 expert 20.
    for (const place of [39, 40, 100]) gating[place] = 1;
    const tensors = new Map<string, HostTensor>([
      ['x', { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [3, 2], dtype: 'float32' }],
      ['gating_output', { data: gating, shape: [3, 40], dtype: 'float32' }],
    ]);
    const bytes = [...writeSafetensors(tensors, new Map([['moe_topk', '1']]))];
    await page.locator('.drop').evaluate((target, content) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([new Uint8Array(content)], 'three.safetensors'));
      target.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    }, bytes);
    await page.getByText('three.safetensors: 3 tokens of 2 float32 values, 40 experts').waitFor();
    await page.getByText('3 tokens (three.safetensors), 40 experts').waitFor();
    await page.getByRole('spinbutton', { name: 'Token', exact: true }).fill('2');
    const values = await page.locator('.values').allTextContents();
    expect(values).toEqual(['5.000  6.000', '5.000  6.000']);
    // Expert 20 comes second of the three, so its only row is row 1.
    const scale = (Math.E / (39 + Math.E)).toFixed(4);
    const choice = await page.locator('.choices tbody :is(th, td)').allTextContents();
    expect(choice).toEqual(['20', scale, '1']);
    await page.getByRole('button', { name: 'Back to random data' }).click();
    await settle(page);
  });
});

describe('the conformance suite', () => {
  it('runs on WebGPU and shows the matrix', async () => {
    const { page } = open;
    await page.getByRole('textbox', { name: 'Only cases with' }).fill('golden/softmax-e48-k6-f32');
    await page.getByRole('button', { name: 'Run the suite' }).click();
    await page.getByText(/^1 of 1 case in [\d.]+ s on /).waitFor();
    expect(await page.locator('.matrix tfoot td').allTextContents()).toEqual(['1', '0', '0']);
  });

  it('runs all golden outputs on the CPU', async () => {
    const { page } = open;
    await page.getByRole('combobox', { name: 'Backend' }).selectOption('cpu');
    await page.getByRole('textbox', { name: 'Only cases with' }).fill('golden/');
    await page.getByRole('button', { name: 'Run the suite' }).click();
    await page.getByText(/^99 of 99 cases in /).waitFor();
    expect(await page.locator('.matrix tbody').allTextContents()).toEqual(['golden9900']);
  });

  it('can be stopped', async () => {
    const { page } = open;
    await page.getByRole('textbox', { name: 'Only cases with' }).fill('');
    await page.getByRole('button', { name: 'Run the suite' }).click();
    await page.locator('.matrix').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText(/^Stopped after \d+ of \d,\d{3} cases\.$/).waitFor();
    const all = page.locator('.matrix tfoot');
    const stopped = await all.textContent();
    await page.waitForTimeout(500);
    expect(await all.textContent()).toBe(stopped);
  });

  it('names a filter that matches nothing', async () => {
    const { page } = open;
    await page.getByRole('textbox', { name: 'Only cases with' }).fill('no such case');
    await page.getByRole('button', { name: 'Run the suite' }).click();
    await page.getByRole('alert').getByText("no case has 'no such case' in its id").waitFor();
  });
});

it('complains about nothing on the console in all of this', () => {
  expect(open.complaints).toEqual([]);
});
