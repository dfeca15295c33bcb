import { type HostTensor, readSafetensors, type SafetensorsFile } from '@moe-dispatch/safetensors';
import type { FileInfo } from '../protocol.js';
import { checkSize, type DispatchInput, InputError } from './input.js';

/** The tensors of a safetensors file, [B, S, …] as [B·S, …]. @throws SafetensorsError, InputError */
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
  const matrix = (key: string): HostTensor => {
    const { data, shape, dtype } = tensor(key);
    if (shape.length === 2) return { data, shape, dtype };
    if (shape.length === 3) return { data, shape: [shape[0] * shape[1], shape[2]], dtype };
    throw new InputError(`${name}: expected ${key} of two or three dimensions, found [${shape.join(', ')}]`);
  };
  const bias = tensors.get('e_score_correction_bias');
  const routing = { mode: 'softmax', options: { moeTopk: 1 }, biased: false };
  const input = { title: name, x: matrix('x'), gating: matrix('gating_output'), routing, bias };
  return { input, metadata };
}

export function describeFile(
  { title, x, gating }: DispatchInput,
  metadata: SafetensorsFile['metadata'],
): FileInfo {
  const topK = Number(metadata.get('moe_topk'));
  const isSet = (key: string) => /^(true|1)$/i.test(metadata.get(key) ?? '');
  const paddleMode = isSet('topk_only_mode') ? 'topk-only' : isSet('group_moe') ? 'group' : 'softmax';
  const mode = metadata.get('model') ?? paddleMode;
  return {
    name: title,
    tokens: x.shape[0],
    hidden: x.shape[1],
    experts: gating.shape[1],
    dtype: x.dtype,
    routing: Number.isInteger(topK) && topK > 0 ? { topK, mode } : {},
  };
}
