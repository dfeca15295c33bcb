import { Backend } from '@moe-dispatch/core';
import { CpuContract } from './contract.js';
import type { SimdRouter } from './simd-route.js';
import type { CpuTensor } from './tensor.js';

/** Token dispatch in JavaScript. Every operation is done when it returns; `wrap` borrows typed arrays. */
export class CpuBackend extends Backend<CpuTensor, ArrayBufferView> {
  /** @param router null to route in JavaScript. */
  constructor(router: SimdRouter | null) {
    super(new CpuContract(router));
  }
}
