// Writes docs/models.md from what @moe-dispatch/models makes of the recorded configurations. With --check, fails if the file
// is out of date.
import { readdirSync, readFileSync } from 'node:fs';
import { generate } from './generated-file.mjs';
import { table } from './markdown-table.mjs';

const ROOT = new URL('..', import.meta.url);
const RECORDED = new URL('packages/conformance/fixtures/routers/', ROOT);

const built = (name) => import(new URL(`packages/${name}/dist/index.js`, ROOT));
const { MODEL_TYPES, parseConfig, routerFromConfig } = await built('models');
const { readSafetensors } = await built('safetensors');

const code = (text) => `\`${text}\``;

const text = `<!-- Written by scripts/models.mjs: pnpm models -->

# Models

[\`routerFromConfig\`](../packages/models/README.md) reads the router out of a model's \`config.json\`, for the 63 Mixture-of-Experts
architectures of Hugging Face transformers 5.17 whose router is a function of the token. Each is tested against a recorded run of the
library's own module. The table shows what it gives for the recorded configurations: numbers and switches are those of your config.

- **model**: the architecture and, in brackets, other values of \`model_type\` that it goes by.
- **router**: the options that are not at their default.
- **tensors**: what the router needs beside the logits, and the parameter that it is or is made from: its name after the decoder
  layer's number in the state dict of transformers. Checkpoints of another origin may call it otherwise.
- **before**: what the caller does, besides multiplying the tokens by the gate's weight to get the logits.
- **after**: what is done with the sum of the experts, in order. \`outputScalingFactor\` goes to \`moeReduce\` as
  \`routedScalingFactor\`.

${table([['model', 'router', 'tensors', 'before', 'after'], ...readdirSync(RECORDED).sort().map(row)])}

## Where a config says one thing and the library does another

\`routerFromConfig\` follows the modules of transformers 5.17:

- deepseek_v2, deepseek_ocr2, deepseek_v4 and doge never read \`norm_topk_prob\`; cohere2_moe reads it for sigmoid only.
- laguna never reads \`moe_apply_router_weight_on_input\`.
- switch_transformers' \`expert_capacity\` has no effect: its sum runs over a dimension of size 1.
- longcat_flash ignores the bias of its gate.
- dbrx divides by a p-norm. Only p = 1, a sum, and null are accepted.

Here this library does another thing than the module:

- axk2 gives the experts of lesser groups a choice value of 0, and one of them is chosen if enough of the others are below: with biases below
  −sigmoid(l). Here they are never chosen.
- ernie4_5_moe, ernie4_5_vl_moe and nllb_moe divide by max(sum, ε), with ε from 1e-12 to 1.2e-7. Here they divide by the sum, and a
  sum of 0 gives 0.
- doge's module reads [T, 2n] key scores as [2, T, n], which mixes tokens. The logits are the caller's: with each token's own keys the
  router does what was meant.
- nllb_moe's module takes its one-hot mask for expert numbers, so that only experts 0 and 1 ever work. Here the chosen ones do.
`;

generate(new URL('docs/models.md', ROOT), text, 'pnpm models');

function row(file) {
  const { tensors, metadata } = readSafetensors(readFileSync(new URL(file, RECORDED)), file);
  const config = parseConfig(metadata.get('config_json'));
  const model = routerFromConfig(config, { tokens: tensors.get('router_logits').shape[0] });
  const { architecture, outputScalingFactor } = model;
  const types = [...MODEL_TYPES]
    .filter(([type, name]) => name === architecture && type !== name)
    .map(([type]) => type);
  const after = outputScalingFactor === 1 ? [] : [`· ${outputScalingFactor} (outputScalingFactor)`];
  return [
    types.length === 0 ? architecture : `${architecture} (${types.join(', ')})`,
    Object.entries(model.router)
      .map(([name, value]) => code(`${name}: ${JSON.stringify(value)}`))
      .join(', '),
    Object.entries(model.tensors)
      .map(([name, parameter]) => `${code(name)}: ${parameter}`)
      .join(', '),
    model.before ?? '',
    [...after, ...(model.after === undefined ? [] : [model.after])].join(', '),
  ];
}
