import { Backend } from '@moe-dispatch/core';
import { CpuContract } from './contract.js';
import type { Kernels } from './kernels.js';
import type { CpuTensor } from './tensor.js';

/** Token dispatch in WebAssembly and JavaScript. Every operation is done when it returns; `wrap` borrows typed arrays. */
export class CpuBackend extends Backend<CpuTensor, ArrayBufferView> {
  /**
   * @param kernels null to compute in JavaScript
   * @param reason why there is one thread only, to be said after it
   */
  constructor(kernels: Kernels | null, reason = '') {
    super(new CpuContract(kernels, reason));
  }
}
