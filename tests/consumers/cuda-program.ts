import { existsSync } from 'node:fs';

/** Dispatches on an NVIDIA GPU and prints the counts, or prints the error. */
export const CUDA_PROGRAM = `
import { cuda } from '@moe-dispatch/backend-cuda';
import { isMoeDispatchError, moeDispatch } from '@moe-dispatch/core';

try {
  const backend = await cuda().create();
  const x = backend.tensor(new Float32Array([1, 2, 3]), [3, 1], 'float32');
  const gating = backend.tensor(new Float32Array([0, 1, 2, 0, 1, 0]), [3, 2], 'float32');
  const counts = await moeDispatch(x, gating, { moeTopk: 1 }).tokenNumsPerExpert.read();
  console.log(JSON.stringify({ counts: counts.join(' ') }));
} catch (error) {
  const { code, reason, message } = error;
  console.log(JSON.stringify({ typed: isMoeDispatchError(error), code, reason, message }));
}
`;

const ADDON = new URL('../../packages/backend-cuda-linux-x64/moe-dispatch-cuda.node', import.meta.url);

/** 'as expected', or what CUDA_PROGRAM printed. The platform package may only be missing where it was not built. */
export function cudaAnswer(output: string): string {
  const { counts, typed, code, reason, message } = JSON.parse(output);
  if (counts === '2 1') return 'as expected';
  const noPackage = process.platform === 'linux' ? 'no-platform-package' : 'unsupported-platform';
  const reasons = existsSync(ADDON)
    ? ['no-driver', 'no-device', 'driver-too-old', 'driver-failed']
    : [noPackage];
  const isClear =
    typed && code === 'BACKEND_UNAVAILABLE' && reasons.includes(reason) && /expected/.test(message);
  return isClear ? 'as expected' : output;
}
