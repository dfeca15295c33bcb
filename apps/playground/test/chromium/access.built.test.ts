import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launch, openPage, settle } from './open-page.js';
import { serveBuiltPage } from './static-server.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SHAPE = 'T=96&D=40&E=48&K=6';
let server: Awaited<ReturnType<typeof serveBuiltPage>>;
let browser: Browser;

// Without WebGPU, which is quick: what is looked at here is the same on both backends.
beforeAll(async () => {
  server = await serveBuiltPage();
  browser = await launch({ webGpu: false });
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

describe('a browser without WebGPU', () => {
  it('dispatches on the CPU and shows why', async () => {
    const { page, complaints } = await openPage(browser, `${server.url}#${SHAPE}`);
    expect(await page.locator('.badge').textContent()).toBe('CPU');
    expect(await page.locator('.skipped').textContent()).toMatch(
      /^Not on WebGPU, because expected a GPU, and its driver, .*, found no adapter/,
    );
    expect(await page.getByText('Only the CPU works here').count()).toBe(1);
    expect(await page.locator('.choices tbody tr').count()).toBe(6);
    expect(await page.getByRole('combobox', { name: 'Backend' }).inputValue()).toBe('cpu');
    expect(complaints).toEqual([]);
    await page.close();
  });
});

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const results = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

describe.each([
  ['desktop, light', DESKTOP, 'light'],
  ['desktop, dark', DESKTOP, 'dark'],
  ['phone, light', PHONE, 'light'],
  ['phone, dark', PHONE, 'dark'],
] as const)('%s', (_, viewport, colorScheme) => {
  it('has nothing that axe finds fault with, and nothing wider than the screen', async () => {
    const options = { viewport, colorScheme };
    const { page } = await openPage(browser, `${server.url}#${SHAPE}`, options);
    await page.getByRole('textbox', { name: 'Only cases with' }).fill('errors/');
    await page.getByRole('button', { name: 'Run the suite' }).click();
    await page.getByText(/ in [\d.]+ s on /).waitFor();
    await page.getByText('Load per expert as a table').click();
    if (viewport === PHONE) await page.getByText('Sizes, data and router').click();
    await page.getByRole('spinbutton', { name: 'K per token' }).fill('99');
    await page.getByRole('alert').waitFor();
    expect(await violations(page)).toEqual([]);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBe(viewport.width);
    await page.close();
  });
});

describe("models' routers", () => {
  it.each([
    ['deepseek-v3', 256, 8, /^token 0, groups (\d, ){4}experts (\d+ with scale [\d.]+(, |$)){8}$/],
    ['longcat-flash', 768, 12, /^token 0, experts (\d+ with scale [\d.]+(, |$)){12}$/],
    ['zaya1-8b', 17, 1, /^token 0, experts /],
  ])('%s: says what it draws, and nothing is wider than a phone', async (mode, experts, topK, text) => {
    const shape = `T=96&D=40&E=${experts}&K=${topK}&mode=${mode}`;
    const { page } = await openPage(browser, `${server.url}#${shape}`, { viewport: PHONE });
    await page.getByText('Load per expert as a table').click();
    const map = page.getByRole('slider', { name: 'Token, in a heat map' });
    expect(await map.getAttribute('aria-valuetext')).toMatch(text);
    expect(await page.getByRole('img', { name: /^Bias per expert as bars\. .* from -/ }).count()).toBe(1);
    const biases = await page.getByRole('region', { name: 'Load per expert' }).locator('tbody tr').count();
    expect(biases).toBe(experts);
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(PHONE.width);
    await page.close();
  });

  it('are what the presets choose', async () => {
    const { page } = await openPage(browser, `${server.url}#${SHAPE}`);
    const preset = page.getByRole('button', { name: 'DeepSeek-V3' });
    await preset.click();
    await settle(page);
    expect(await preset.getAttribute('aria-pressed')).toBe('true');
    const router = page.getByRole('combobox', { name: 'Router' });
    expect(await router.inputValue()).toBe('deepseek-v3');
    expect(await page.locator('#router-text').textContent()).toContain('the 4 best of 8 groups (top2_sum)');
    expect(await page.getByText(/^It keeps the groups (\d, ){3}\d of 8,/).count()).toBe(1);
    expect(await page.locator('.choices tbody tr').count()).toBe(8);
    await page.close();
  });

  it('zaya1-8b: shows a token that goes nowhere', async () => {
    const { page } = await openPage(browser, `${server.url}#T=96&D=40&E=17&K=1&mode=zaya1-8b`);
    expect(
      await page
        .getByText(/17 experts with 1 zero expert, 1 chosen by .* [1-9]\d* choices? going nowhere/)
        .count(),
    ).toBe(1);
    const map = page.getByRole('slider', { name: 'Token, in a heat map' });
    await map.focus();
    for (let i = 0; i < 95; i++) {
      if ((await map.getAttribute('aria-valuetext'))!.includes('nowhere')) break;
      await page.keyboard.press('ArrowDown');
    }
    expect(await page.locator('.choices tbody :is(th, td)').allTextContents()).toEqual([
      'nowhere',
      '',
      '0.0000',
      'none',
    ]);
    await page.close();
  });
});

describe('by keyboard', () => {
  it('reaches every control in order, each with a name', async () => {
    const { page } = await openPage(browser, `${server.url}#${SHAPE}`);
    const reached: string[] = [];
    for (let i = 0; i < 100; i++) {
      await page.keyboard.press('Tab');
      const name = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === null || element === document.body) return 'end';
        const { textContent } = element;
        const label = (element as HTMLInputElement).labels?.[0]?.textContent;
        return element.getAttribute('aria-label') ?? label ?? textContent;
      });
      if (name === 'end') break;
      reached.push(name ?? '');
    }
    expect(reached).not.toContain('');
    // Counted last: a button that the comparison enables a moment after the page is there is reached, too.
    const controls = await page
      .locator('button:enabled, select, input:enabled, summary, [tabindex="0"]')
      .count();
    // The table that scrolls is folded.
    expect(reached).toHaveLength(controls - 1);
    const order = [
      "Paddle's example",
      'T tokens',
      'K per token',
      'Router',
      'Token, in a heat map',
      'Token',
      'Run the suite',
    ];
    const places = order.map((text) => reached.findIndex((name) => name.startsWith(text)));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
    await page.close();
  });

  it('walks through the tokens with the arrow keys of the heat map', async () => {
    const { page } = await openPage(browser, `${server.url}#${SHAPE}`);
    const map = page.getByRole('slider', { name: 'Token, in a heat map of 96 tokens × 48 experts' });
    const field = page.getByRole('spinbutton', { name: 'Token', exact: true });
    await map.focus();
    const after = async (key: string) => {
      await page.keyboard.press(key);
      return field.inputValue();
    };
    expect(await after('ArrowDown')).toBe('1');
    expect(await after('PageDown')).toBe('11');
    expect(await after('End')).toBe('95');
    expect(await after('ArrowRight')).toBe('95');
    expect(await after('ArrowUp')).toBe('94');
    const experts = await page.locator('.choices tbody th').allInnerTexts();
    const text = await map.getAttribute('aria-valuetext');
    expect(text).toMatch(/^token 94, experts /);
    for (const expert of experts) expect(text).toContain(` ${expert} with scale `);
    expect(await after('Home')).toBe('0');
    await page.close();
  });

  it('points at a token with the mouse', async () => {
    const { page } = await openPage(browser, `${server.url}#${SHAPE}`);
    const map = page.getByRole('slider', { name: 'Token, in a heat map' });
    await map.scrollIntoViewIfNeeded();
    const { x, y, height } = (await map.boundingBox())!;
    await page.mouse.move(x + 20, y + height * (50.5 / 96));
    expect(await page.getByRole('spinbutton', { name: 'Token', exact: true }).inputValue()).toBe('50');
    await page.close();
  });
});
