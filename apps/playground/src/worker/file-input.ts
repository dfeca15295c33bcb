import { type HostTensor, readSafetensors, type SafetensorsFile } from '@moe-dispatch/safetensors';
import type { FileInfo } from '../protocol.js';
import { checkSize, type DispatchInput, InputError } from './input.js';

/** The tensors of a safetensors file. @throws SafetensorsError, InputError */
export function readInput(
  bytes: Uint8Array,
  name: string,
): { input: DispatchInput; metadata: SafetensorsFile['metadata'] } {
  checkSize(bytes.length);
  const { tensors, metadata } = readSafetensors(bytes, name);
  const tensor = (key: string): HostTensor => {
    const found = tensors.get(key);
    if (found !== undefined) return found;
    const names = [...tensors.keys()].join(', ') || 'no tensor';
    throw new InputError(`${name}: expected the tensors x and gating_output, found ${names}`);
  };
  const bias = tensors.get('e_score_correction_bias');
  const routing = { mode: 'softmax', options: { moeTopk: 1 }, biased: false };
  const input = { title: name, x: tensor('x'), gating: tensor('gating_output'), routing, bias };
  for (const [key, { shape }] of Object.entries({ x: input.x, gating_output: input.gating })) {
    if (shape.length === 2 || shape.length === 3) continue;
    throw new InputError(`${name}: expected ${key} of two or three dimensions, found [${shape.join(', ')}]`);
  }
  return { input, metadata };
}

export function describeFile(
  { title, x, gating }: DispatchInput,
  metadata: SafetensorsFile['metadata'],
): FileInfo {
  const size = (shape: readonly number[]) => shape.slice(0, -1).reduce((product, n) => product * n, 1);
  const topK = Number(metadata.get('moe_topk'));
  const isSet = (key: string) => /^(true|1)$/i.test(metadata.get(key) ?? '');
  const paddleMode = isSet('topk_only_mode') ? 'topk-only' : isSet('group_moe') ? 'group' : 'softmax';
  const mode = metadata.get('model') ?? paddleMode;
  return {
    name: title,
    tokens: size(x.shape),
    hidden: x.shape.at(-1)!,
    experts: gating.shape.at(-1)!,
    dtype: x.dtype,
    routing: Number.isInteger(topK) && topK > 0 ? { topK, mode } : {},
  };
}
