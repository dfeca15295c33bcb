import type { ArrayOf, DType } from '@moe-dispatch/core';
import type { CudaBackend } from './backend.js';
import { cuda } from './index.js';
import { inspect } from './inspect.js';
import type { CudaMemory } from './native-arguments.js';
import type { CudaTensor } from './tensor.js';

/* For the suite @moe-dispatch/conformance, which finds it as this package's export `./conformance`. */

interface OwnedMemory extends CudaMemory {
  /** Keeps it allocated. */
  readonly tensor: CudaTensor;
}

/** The memory that `wrap` borrows: that of another backend on the same device, which has a stream of its own. */
export function nativeMemory(backend: CudaBackend) {
  let owner: Promise<CudaBackend> | undefined;
  return {
    async make(data: ArrayOf<DType>, dtype: DType): Promise<CudaMemory> {
      owner ??= Promise.resolve(cuda({ ordinal: backend.ordinal }).create());
      const tensor = (await owner).tensor(data, [data.length], dtype);
      await finished(tensor);
      const memory: OwnedMemory = { devicePtr: tensor.devicePtr, byteLength: data.byteLength, tensor };
      return memory;
    },
    async read(native: unknown, _dtype: DType, elements: number): Promise<ArrayOf<DType>> {
      // With a content, because reading memory that nobody wrote is what compute-sanitizer's initcheck looks for.
      const last = backend.tensor(Uint8Array.of(0), [1], 'uint8');
      await finished(last);
      last.dispose();
      return (await (native as OwnedMemory).tensor.read()).slice(0, elements) as ArrayOf<DType>;
    },
  };
}

/** Waits for the work issued so far on the stream of the tensor's backend: another stream does not. */
async function finished(tensor: CudaTensor): Promise<void> {
  await tensor.read();
}

/** The version of CUDA that the driver is for. */
export async function driver(): Promise<string | undefined> {
  const { driver: version } = await inspect();
  return version === undefined ? undefined : `CUDA ${version}`;
}
