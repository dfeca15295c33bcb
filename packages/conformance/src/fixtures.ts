import { ConformanceError } from './conformance-error.js';

/** A set of fixture files. */
export interface FixtureSource {
  /** Names without `.safetensors`. */
  readonly names: readonly string[];
  /** The bytes of one file. */
  load(name: string): Promise<Uint8Array>;
}

/** The fixtures of this package. Listed, because a browser cannot read a folder. */
export const packageFixtures: FixtureSource = {
  names: [
    'doc-example-softmax',
    'doc-example-topk-only',
    'group-e12-k3-f32',
    'group-e48-k6-bf16',
    'group-e6-k2-f16',
    'group-e96-k8-bf16',
    'softmax-e1-k1-f32',
    'softmax-e128-k8-f32',
    'softmax-e16-k4-f32',
    'softmax-e160-k6-f16',
    'softmax-e2-k1-f16',
    'softmax-e256-k8-bf16',
    'softmax-e257-k3-f32',
    'softmax-e3-k2-f32',
    'softmax-e32-k2-f16',
    'softmax-e4-k4-bf16',
    'softmax-e48-k6-f32',
    'softmax-e512-k10-bf16',
    'softmax-e60-k4-f16',
    'softmax-e64-k6-bf16',
    'softmax-e8-k2-bf16',
    'softmax-e8-k2-f16',
    'softmax-e8-k2-f32',
    'softmax-e96-k8-bf16',
    'softmax-masked-e12-k3-f32',
    'softmax-masked-e32-k4-f16',
    'softmax-skew-e16-k2-f32',
    'ties-all-e64-k8-f16',
    'ties-all-e7-k7-f32',
    'ties-e10-k4-bf16',
    'ties-e8-k3-f32',
    'topk-only-negative-e20-k5-f32',
    'topk-only-probs-e48-k6-f32',
    'topk-only-probs-e8-k2-f16',
    'topk-only-sigmoid-e256-k8-bf16',
    'topk-only-ties-e16-k4-f16',
  ],
  load: (name) => loadFile(new URL(`../fixtures/${name}.safetensors`, import.meta.url)),
};

/** One run of each model's own router in transformers (fixtures/routers). */
export const routerFixtures: FixtureSource = {
  names: [
    'afmoe-e24-k6-scale',
    'aria-e32-k6',
    'axk1-e16-k8-g1-nonorm',
    'axk2-e32-k8-g8-4',
    'cohere2_moe-sigmoid-nonorm-avg',
    'dbrx-e16-k4-p1',
    'deepseek_ocr2-greedy-e24-k6',
    'deepseek_v2-greedy-e16-k6-scale16',
    'deepseek_v3-e24-k8-g1',
    'deepseek_v32-e32-k8-g8-4',
    'deepseek_v4-e32-k6-hash',
    'diffusion_gemma-e24-k8',
    'doge-e64-k4',
    'dots1-e24-k6-g4-2-nonorm',
    'ernie4_5_moe-e32-k6-bias',
    'ernie4_5_vl_moe-text-e16-k6',
    'exaone_moe-e24-k8',
    'flex_olmo-e7-k5-nonorm',
    'gemma4-e24-k8',
    'glm4_moe-e24-k8',
    'glm4_moe_lite-e24-k4',
    'glm4v_moe-e24-k8',
    'glm5_next-e24-k8',
    'glm_moe_dsa-e24-k8',
    'gpt_oss-e128-k4',
    'granitemoe-e24-k8',
    'granitemoe_swa-e24-k8',
    'granitemoehybrid-e24-k8',
    'granitemoeshared-e24-k8',
    'hunyuan_v1_moe-e32-k8',
    'hy_v3-e24-k8',
    'hy_v4-e24-k8',
    'inkling-e24-k4-shared1',
    'jamba-e16-k2',
    'jetmoe-e8-k2',
    'kimi_linear-e24-k8',
    'laguna-e24-k8-plain',
    'lfm2_moe-e32-k4-bias-nonorm-scale',
    'llama4-e16-k1',
    'longcat_flash-e12-zero4-k4',
    'mellum-e24-k8-nonorm',
    'mimo_v2_flash-e24-k8',
    'minimax-e8-k2',
    'minimax_m2-e24-k8',
    'minimax_m3_vl-e24-k4',
    'mistral4-e32-k4-g1-norm',
    'mixtral-e8-k2',
    'nemotron_h-e16-k6-latent',
    'nllb_moe-e8-k2-capacity6-normbefore',
    'olmoe-e64-k8-nonorm',
    'openai_privacy_filter-e32-k4',
    'phimoe-e16-k2-jitter0.01',
    'qwen2_moe-e15-k4-nonorm',
    'qwen3_5_moe-e32-k8',
    'qwen3_moe-e128-k8-norm',
    'qwen3_next-e32-k10-nonorm',
    'qwen3_omni_moe-talker-e24-k8-nonorm',
    'qwen3_vl_moe-e32-k8',
    'qwen4_exp-e24-k10-nonorm',
    'solar_open-e24-k8',
    'step3p7-e24-k8-limit',
    'switch_transformers-e8-k1',
    'zaya-e16-k1-layer0',
  ],
  load: (name) => loadFile(new URL(`../fixtures/routers/${name}.safetensors`, import.meta.url)),
};

/** @throws ConformanceError if a bundler has lost the file. */
export async function loadFile(url: URL): Promise<Uint8Array> {
  if (url.protocol === 'file:') {
    // The name is in a variable so that bundlers for browsers leave it alone.
    const module = 'node:fs/promises';
    const { readFile } = (await import(/* @vite-ignore */ module)) as typeof import('node:fs/promises');
    return readFile(url);
  }
  // Vite finds the files where this module lies; its dev server first copies dependencies to another folder.
  if (url.pathname.endsWith('/undefined')) {
    throw new ConformanceError(
      `${url}: the bundler lost the fixtures; with Vite's dev server, set optimizeDeps: { exclude: ['@moe-dispatch/conformance'] } in vite.config`,
    );
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
