import { defineConfig } from 'vite';

export default defineConfig({
  // Relative, so that the built page works from any folder of any static host.
  base: './',
  build: {
    target: 'es2022',
    // The conformance fixtures stay files of their own, fetched when the suite asks for them.
    assetsInlineLimit: 0,
  },
  worker: { format: 'es' },
});
