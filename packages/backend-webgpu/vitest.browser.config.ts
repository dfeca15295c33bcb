import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';

// The suite in a real Chromium: `npx vitest run --config vitest.browser.config.ts`. CHROMIUM names another binary.
export default defineConfig({
  test: {
    name: 'browser',
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
          args: [
            '--enable-unsafe-webgpu',
            '--no-sandbox',
            '--disable-gpu-sandbox',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync',
          ],
        },
      }),
      instances: [{ browser: 'chromium' }],
    },
  },
});
