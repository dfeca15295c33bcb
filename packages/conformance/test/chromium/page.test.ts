import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatHtml } from '../../src/reports/html/page.js';
import { exampleBench } from '../example-bench.js';
import { exampleCase, exampleReport, exampleRouting, fullReport } from '../example-report.js';

/* The HTML report as readers see it: in Chromium, without a network. */

let browser: Browser;
let page: Page;
/** What went wrong in the page, and every address that it asked for. */
let complaints: string[];

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
    ignoreDefaultArgs: ['--hide-scrollbars'],
  });
});
afterAll(() => browser?.close());
afterEach(() => page.close());

async function open(
  html: string,
  width = 1280,
  hash = '',
  options: BrowserContextOptions = {},
): Promise<void> {
  page = await browser.newPage({ viewport: { width, height: 900 }, ...options });
  complaints = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.route('**', (route) => {
    const url = route.request().url();
    if (url.startsWith('http://report.test/')) return route.fulfill({ contentType: 'text/html', body: html });
    complaints.push(url);
    return route.abort();
  });
  await page.goto(`http://report.test/${hash}`);
}

const cpu = fullReport('cpu');
const failed = exampleCase('generated/ties/tokens=48,dtype=bfloat16,k=3', 'failed', {
  routing: exampleRouting(99, 40, 60, 5),
});
const faulty = {
  ...cpu,
  cases: cpu.cases.map((each) => (each.id === failed.id ? failed : each)),
  totals: { ...cpu.totals, passed: 829, failed: 1 },
  backend: { ...cpu.backend, name: 'gpu' },
};
const two = formatHtml([cpu, faulty], [exampleBench()]);

const visibleRows = () => page.locator('.matrix tbody tr:visible');

describe('the page of two backends', () => {
  it('shows failures first, and opens groups of cases', async () => {
    await open(two);
    expect(await page.locator('.verdict').textContent()).toBe('Cases failed on gpu.');
    expect(await page.locator('.cause').count()).toBe(1);
    expect(await page.locator('.failure:visible').count()).toBe(1);
    expect(await page.locator('.failure').textContent()).toContain('topKIndices[3, 1]');
    const first = page.locator('details.group').first();
    expect(await first.locator('summary').textContent()).toContain('generated/ties');
    expect(await visibleRows().count()).toBe(0);
    await first.locator('summary').click();
    expect(await visibleRows().first().textContent()).toContain('tokens=48,dtype=bfloat16,k=3');
    await page.getByRole('button', { name: 'Open all' }).click();
    expect(await visibleRows().count()).toBe(830);
    expect(complaints).toEqual([]);
  });

  it('filters by id and by status', async () => {
    await open(two);
    await page.getByLabel('Filter').fill('REDUCE/tokens=16,');
    expect(await visibleRows().count()).toBe(1);
    expect(await page.locator('#shown').textContent()).toBe('1 of 830 cases');
    await page.getByLabel('Filter').fill('');
    await page.getByLabel('Show').selectOption('failed');
    expect(await visibleRows().count()).toBe(1);
    await page.getByLabel('Show').selectOption('backends disagree');
    expect(await visibleRows().count()).toBe(1);
    await page.getByLabel('Show').selectOption('all cases');
    expect(await page.locator('#shown').textContent()).toBe('830 of 830 cases');
  });

  it('shows a case by keyboard: what differs, and where its tokens went', async () => {
    await open(two);
    await page.getByLabel('Filter').fill('ties/tokens=48,');
    await page.getByRole('button', { name: 'tokens=48,dtype=bfloat16,k=3' }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    expect(await dialog.textContent()).toContain('wrong in all5');
    const pictures = dialog.getByRole('img');
    expect(await pictures.count()).toBe(1);
    expect(await pictures.getAttribute('aria-label')).toMatch(
      /^Routing on gpu: 40 tokens × 60 experts, 5 choices each/,
    );
    expect(page.url()).toContain('#case=generated%2Fties%2Ftokens%3D48');
    await page.keyboard.press('Escape');
    expect(await dialog.isVisible()).toBe(false);
    expect(page.url()).not.toContain('#case');
  });

  it('opens the case that its address names', async () => {
    await open(two, 1280, `#case=${encodeURIComponent('random/tokens=16,dtype=bfloat16,k=1')}`);
    expect(await page.getByRole('dialog').textContent()).toContain('random/tokens=16,dtype=bfloat16,k=1');
  });

  it('draws the routing of the chosen case, errors and the roofline', async () => {
    await open(two);
    const id = 'random/tokens=0,dtype=bfloat16,k=0';
    await page.getByRole('combobox', { name: 'Case' }).selectOption(id);
    const picture = page.locator('#routing-body').getByRole('img');
    expect(await picture.getAttribute('aria-label')).toContain('Routing on cpu, gpu: 40 tokens × 8 experts');
    expect(await page.locator('.histogram').count()).toBe(3);
    expect(await page.locator('.roofline circle').count()).toBe(6);
    expect(await page.locator('.numbers').first().textContent()).toContain('1280, 768, 48, 6');
    expect(complaints).toEqual([]);
  });

  it.each([390, 1280])('is no wider than a window of %i pixels', async (width) => {
    await open(two, width);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  });

  it('has a name for every control and picture', async () => {
    await open(two);
    const nameless =
      await page.evaluate(`[...document.querySelectorAll('button,input,select,[role=img],table,section')]
      .filter((each) => each.tagName === 'TABLE' ? !each.querySelector('th') : !(each.textContent.trim() || each.ariaLabel || each.labels?.length))
      .map((each) => each.outerHTML)`);
    expect(nameless).toEqual([]);
  });
});

/** Hundreds of failures of two causes, on a backend with a longer name. */
const many = (() => {
  const failing = cpu.cases.map(({ id }, i) => {
    if (i % 2 === 1) return exampleCase(id, 'passed', { routing: exampleRouting(i, 12, 256, 8) });
    const difference = { ...failed.differences[0], operation: 'routeTokens', count: 12_345 } as const;
    return i % 10 === 0
      ? exampleCase(id, 'failed', { differences: [], error: { name: 'DeviceError', message: 'gone' } })
      : exampleCase(id, 'failed', { differences: [difference] });
  });
  const more = Array.from({ length: 1000 }, (_, i) =>
    exampleCase(`generated/softmax-accuracy/e=${i}`, 'passed'),
  );
  const named = { ...cpu.backend, name: 'webgpu', device: 'llvmpipe: Mesa 25.0.7' };
  const report = exampleReport('webgpu', [...failing, ...more], { backend: named });
  return formatHtml([cpu, report], [exampleBench()]);
})();

describe.each([390, 1280])('a page of 415 failures, %i pixels wide', (width) => {
  it('begins with the matrix, under a bar that jumps to every section', async () => {
    await open(many, width);
    const top = (selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((e) => e.getBoundingClientRect().top);
    expect(await top('.matrix')).toBeLessThan(600);
    expect(await top('.matrix')).toBeLessThan(await top('.cause'));
    const links = page.getByRole('navigation').getByRole('link');
    const headings = page.locator('main h2');
    expect(await links.count()).toBe(await headings.count());
    for (const link of await links.all()) {
      await link.click();
      const id = (await link.getAttribute('href'))!.slice(1);
      expect(await top(`#${id}`)).toBeLessThan(900);
      expect(await top(`#${id}`)).toBeGreaterThanOrEqual(40);
      expect(await link.evaluate((e) => e.getBoundingClientRect().top)).toBeLessThan(40);
    }
    expect(complaints).toEqual([]);
  });

  it('folds failures by cause', async () => {
    await open(many, width);
    const causes = page.locator('.cause');
    expect(await causes.locator('> summary').allTextContents()).toEqual([
      expect.stringMatching(/^routeTokens 332 cases webgpu *topKIndices\[3, 1\]: expected 2, found 0$/),
      expect.stringMatching(/^DeviceError 83 cases webgpu *threw DeviceError: gone$/),
    ]);
    expect(await page.locator('.failure:visible').count()).toBe(0);
    await causes.first().locator('> summary').click();
    expect(await page.locator('.failure:visible').count()).toBe(10);
    expect(await page.locator('.failure[open]:visible').count()).toBe(1);
    expect(await causes.first().textContent()).toContain('322 more stand first in the matrix');
  });

  it('breaks no name in the middle of a word', async () => {
    await open(many, width);
    await page.getByRole('button', { name: 'Open all' }).click();
    const broken =
      await page.evaluate(`[...document.querySelectorAll('.heads span, .group > summary > span, .matrix th button')]
      .flatMap((element) => {
        const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
        const words = [];
        while (walker.nextNode()) {
          for (const { 0: word, index } of walker.currentNode.data.matchAll(/[A-Za-z0-9]+/g)) {
            const range = document.createRange();
            range.setStart(walker.currentNode, index);
            range.setEnd(walker.currentNode, index + word.length);
            if (range.getClientRects().length > 1 && !element.closest('.hidden')) words.push(word);
          }
        }
        return words;
      })`);
    expect(broken).toEqual([]);
  });

  it('groups the digits of numbers', async () => {
    await open(many, width);
    const text = (await page.locator('main').textContent())!;
    expect(text).toContain('Cases 1,830, by group');
    expect(text).toContain('12,345');
    expect(text).toContain('4,294,967,296');
    // Ids, dates and the four numbers of a shape are names.
    const numbers = text.replaceAll(/\S+[/=]\S+|2026-\S+|(\d+, ){3}\d+/g, '');
    expect(numbers.match(/(?<![\d.])[1-9]\d{4,}(?![\d.])/g)).toBeNull();
  });

  it('draws the routing of 256 experts in cells that can be told apart', async () => {
    await open(many, width);
    await page.getByRole('combobox', { name: 'Case' }).selectOption({ index: 0 });
    const pictures = page.locator('#routing-body svg');
    const pixels = await pictures
      .last()
      .evaluate((svg) => svg.getBoundingClientRect().width / (svg as SVGSVGElement).viewBox.baseVal.width);
    expect(pixels).toBeGreaterThanOrEqual(12);
    expect(await pictures.last().locator('text').count()).toBeGreaterThan(2);
  });
});

it('on a phone the plot of the benchmark shows that it scrolls', async () => {
  await open(two, 390, '', { isMobile: true, hasTouch: true });
  const box = page.getByRole('group', { name: 'roofline plot' });
  const { hidden, bar } = await box.evaluate((e) => ({
    hidden: e.scrollWidth - e.clientWidth,
    bar: (e as HTMLElement).offsetHeight - e.clientHeight,
  }));
  expect(hidden).toBeGreaterThan(50);
  expect(bar).toBeGreaterThan(5);
});

describe('hostile reports', () => {
  const text = `</script><script>alert(1)</script><img src=x onerror=alert(2)>" onload="alert(3)" <!--`;
  const cases = [
    exampleCase(`golden/${text}`, 'failed', {
      differences: [{ case: text, tensor: text, index: [0], expected: text, found: text, count: 1 }],
      error: { name: text, code: text, message: text },
    }),
    exampleCase('golden/link', 'expected failure', { reason: text, link: 'javascript:alert(4)' }),
    exampleCase('__proto__/constructor', 'passed', { routing: { numExperts: 2, topKIndices: [[7, -1]] } }),
  ];
  const report = exampleReport(text, cases, {
    machine: { runtime: text, platform: text },
    started: text,
    backend: { name: text, device: text, driver: text, dtypes: [text as 'int8'], limits: { [text]: 1 } },
    errors: [{ tensor: text, buckets: [{ ulp: 0, count: 1 }], largest: 0 }],
  });
  const bench = exampleBench();
  const hostileBench = {
    ...bench,
    timing: text,
    backends: bench.backends.map((each) => ({ ...each, name: text, device: text, copy: text })),
    unavailable: [{ backend: text, reason: text }],
  };

  it('are shown as text, and nothing of them runs', async () => {
    await open(formatHtml([report, exampleReport('cpu', cases)], [hostileBench]));
    expect(await page.locator('h3').first().textContent()).toBe(text);
    await page.getByRole('button', { name: 'Open all' }).click();
    for (const button of await page.locator('.matrix th button').all()) {
      await button.click();
      await page.getByRole('button', { name: 'Close', exact: true }).click();
    }
    await page.locator('.matrix th button', { hasText: 'link' }).click();
    expect(await page.getByRole('dialog').textContent()).toContain('javascript:alert(4)');
    expect(await page.locator('img, iframe, object, embed, a[href^=javascript]').count()).toBe(0);
    expect(await page.locator('script').count()).toBe(2);
    expect(complaints).toEqual([]);
  });
});
