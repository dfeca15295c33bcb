/**
 * The router of a Mixture-of-Experts model, from the model's config.json.
 * @module @moe-dispatch/models
 */

export type { Router } from '@moe-dispatch/core';
export type { ModelRouter, RouterFromConfigOptions, RouterTensor } from './architecture.js';
export { parseConfig } from './parse-config.js';
export { MODEL_TYPES, routerFromConfig } from './router-from-config.js';
