import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    chromium: { executablePath: string; args: string[] };
  }
}

/** Chromium, with WebGPU in software or without any. */
export function launch({ webGpu }: { webGpu: boolean }): Promise<Browser> {
  const { executablePath, args } = inject('chromium');
  const own = webGpu ? args : [...args.filter((arg) => !arg.includes('webgpu')), '--disable-features=WebGPU'];
  return chromium.launch({ executablePath, args: own });
}

export interface OpenPage {
  readonly page: Page;
  /** What the page said on the console that it should not have. */
  readonly complaints: string[];
}

/** Opens the page and waits for its first dispatch. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const page = await browser.newPage(options);
  // WebGPU in software, beside all other tests on two cores, takes its time.
  page.setDefaultTimeout(90_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
  await page.getByRole('heading', { name: 'Who goes where' }).waitFor();
  await settle(page);
  return { page, complaints };
}

/** Waits until the page has dispatched what it shows in its controls. */
export async function settle(page: Page): Promise<void> {
  await page.locator('.backend[data-busy="false"]').waitFor();
}
