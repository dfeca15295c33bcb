import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { chromium } from 'playwright';
import type { TestContext } from 'vitest';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

/** The text of the element once it is no longer 'waiting', in a page of Chromium; skips the test where there is none. */
export async function textInChromium(url: string, selector: string, { skip }: TestContext): Promise<string> {
  if (!existsSync(EXECUTABLE)) skip(`there is no ${EXECUTABLE}; CHROMIUM names another browser`);
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    args: ['--enable-unsafe-webgpu', '--no-sandbox', '--disable-gpu-sandbox', '--disable-quic'],
  });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(url);
    const element = page.locator(selector).filter({ hasNotText: 'waiting' });
    await element.waitFor({ timeout: 60_000 }).catch(() => {});
    return [await page.locator(selector).textContent(), ...errors].join('\n');
  } finally {
    await browser.close();
  }
}

/** Serves a folder for as long as `use` runs. */
export async function serve<T>(folder: string, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(({ url = '/' }, response) => {
    const path = join(folder, url === '/' ? 'index.html' : new URL(url, 'http://localhost').pathname);
    if (!existsSync(path)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' });
    createReadStream(path).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.close();
  }
}
