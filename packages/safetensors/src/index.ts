/**
 * Reads and writes safetensors files.
 * @module @moe-dispatch/safetensors
 */
export {
  type HostTensor,
  readSafetensors,
  type SafetensorsFile,
  writeSafetensors,
} from './safetensors.js';
export { SafetensorsError } from './safetensors-error.js';
