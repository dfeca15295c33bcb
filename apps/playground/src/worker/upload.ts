import type { Backend, MoeDispatchOptions, Tensor } from '@moe-dispatch/core';
import type { HostTensor } from '@moe-dispatch/safetensors';
import type { DispatchInput } from './input.js';

export interface Uploaded {
  readonly x: Tensor;
  readonly gating: Tensor;
  readonly options: MoeDispatchOptions;
  dispose(): void;
}

/** The input in a backend's memory: the arguments of moeDispatch. */
export function upload(backend: Backend, { x, gating, routing, bias }: DispatchInput): Uploaded {
  const tensors: Tensor[] = [];
  const put = ({ data, shape, dtype }: HostTensor) => {
    const tensor = backend.tensor(data, shape, dtype);
    tensors.push(tensor);
    return tensor;
  };
  return {
    x: put(x),
    gating: put(gating),
    options: { ...routing.options, eScoreCorrectionBias: bias && put(bias) },
    dispose: () => {
      for (const tensor of tensors) tensor.dispose();
    },
  };
}
