/**
 * Reads and writes safetensors files.
 * @module @moe-dispatch/safetensors
 */
export {
  type HostTensor,
  readSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  writeSafetensors,
} from './safetensors.js';
