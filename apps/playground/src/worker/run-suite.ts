import { cpu } from '@moe-dispatch/backend-cpu';
import { webgpu } from '@moe-dispatch/backend-webgpu';
import { runConformance } from '@moe-dispatch/conformance';
import type { BackendFactory } from '@moe-dispatch/core';
import type { BackendName, SuiteEnd, SuiteProgress } from '../protocol.js';

const FACTORIES: { readonly [N in BackendName]: () => BackendFactory } = { webgpu, cpu };

/** The conformance suite on one backend. @throws NoCaseError, BackendUnavailableError */
export async function runSuite(
  name: BackendName,
  filter: string,
  onProgress: (progress: SuiteProgress) => void,
): Promise<SuiteEnd> {
  const started = performance.now();
  const report = await runConformance(FACTORIES[name](), {
    filter,
    onCase: (result, done, total) => onProgress({ result, done, total }),
  });
  return { device: report.backend.device, ms: performance.now() - started };
}
