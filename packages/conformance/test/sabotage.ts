import type { Backend, BackendFactory, BackendInfo } from '@moe-dispatch/core';
import { reference } from './reference-backend.js';

/** The reference backend with members replaced. `made` counts the backends of this factory, from 1. */
export function sabotaged(
  sabotage: (backend: Backend, made: number) => void,
  info: Partial<BackendInfo> = {},
): BackendFactory {
  let made = 0;
  return {
    name: 'sabotaged',
    async create() {
      const backend = await reference({}, info).create();
      made += 1;
      sabotage(backend, made);
      return backend;
    },
  };
}
