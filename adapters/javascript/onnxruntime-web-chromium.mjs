// onnxruntime-web 1.30.0: the fused operator QMoE on WebGPU in Chromium, on SwiftShader, its renderer without a GPU.
import { readFile } from 'node:fs/promises';
import { fusedBackend } from '@moe-dispatch/conformance';
import { chromium } from 'playwright-core';
import { onnxMoe } from '../onnx-moe.mjs';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
];
const TYPES = { html: 'text/html', mjs: 'text/javascript', wasm: 'application/wasm' };

export const qmoe = () => ({
  name: 'onnxruntime-web-chromium-qmoe',
  async create() {
    const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
    const browser = await chromium.launch({ executablePath, args: ARGS });
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    await page.route('http://localhost/**', serve);
    await page.goto('http://localhost/index.html');
    const adapter = await page.evaluate(prepare);
    const execute = async (key, model, feeds) => {
      const y = await page.evaluate(run, {
        key,
        model: base64(model),
        feeds: Object.entries(feeds).map(encoded),
      });
      return new Float32Array(Uint8Array.from(Buffer.from(y, 'base64')).buffer);
    };
    const device = `${adapter} in Chromium ${browser.version()}`;
    const dispose = () => browser.close();
    return fusedBackend(onnxMoe('QMoE', { name: this.name, device, execute, dispose })).create();
  },
});

/** The page, this folder's modules and those of onnxruntime-web. */
async function serve(route) {
  const { pathname } = new URL(route.request().url());
  const folder = pathname.startsWith('/onnx-') ? '..' : '../node_modules/onnxruntime-web/dist';
  const body = pathname === '/index.html' ? '' : await readFile(new URL(folder + pathname, import.meta.url));
  await route.fulfill({ body, contentType: TYPES[pathname.split('.').pop()] });
}

const base64 = ({ buffer, byteOffset, byteLength }) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');
const encoded = ([name, { data, ...feed }]) => [
  name,
  data === undefined ? feed : { ...feed, base64: base64(data) },
];

/** In the page. */
async function prepare() {
  const { info } = (await navigator.gpu?.requestAdapter()) ?? {};
  if (info === undefined) throw new Error('no WebGPU adapter');
  const ort = await import('/ort.webgpu.min.mjs');
  const { executeWith } = await import('/onnx-moe.mjs');
  ort.env.wasm.wasmPaths = '/';
  globalThis.execute = executeWith(ort, { executionProviders: ['webgpu'] });
  return [info.vendor, info.architecture, info.description].filter(Boolean).join(' ');
}

/** In the page. */
async function run({ key, model, feeds }) {
  const bytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const decoded = feeds.map(([name, { base64, ...feed }]) => [
    name,
    base64 === undefined ? feed : { ...feed, data: new Float32Array(bytes(base64).buffer) },
  ]);
  const y = await globalThis.execute(key, bytes(model), Object.fromEntries(decoded));
  let text = '';
  for (const byte of new Uint8Array(y.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}
