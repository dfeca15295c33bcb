import { cpu } from '@moe-dispatch/backend-cpu';
import * as cpuKit from '@moe-dispatch/backend-cpu/conformance';
import { webgpu } from '@moe-dispatch/backend-webgpu';
import * as webgpuKit from '@moe-dispatch/backend-webgpu/conformance';
import { type ConformanceKit, runConformance } from '@moe-dispatch/conformance';
import type { BackendFactory } from '@moe-dispatch/core';
import type { BackendName, SuiteEnd, SuiteProgress } from '../protocol.js';

const FACTORIES: { readonly [N in BackendName]: () => BackendFactory } = { webgpu, cpu };
const KITS: { readonly [N in BackendName]: ConformanceKit } = {
  webgpu: webgpuKit as ConformanceKit,
  cpu: cpuKit,
};
/** Of one case, in milliseconds: WebGPU in software takes its time. */
const TIMEOUT = 240_000;

/** The conformance suite on one backend. @throws NoCaseError, BackendUnavailableError */
export async function runSuite(
  name: BackendName,
  filter: string,
  onProgress: (progress: SuiteProgress) => void,
): Promise<SuiteEnd> {
  const started = performance.now();
  const report = await runConformance(FACTORIES[name](), {
    ...KITS[name],
    timeout: TIMEOUT,
    filter,
    onCase: (result, done, total) => onProgress({ result, done, total }),
  });
  return { device: report.backend.device, ms: performance.now() - started };
}
