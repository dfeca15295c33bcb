import type { Field } from '../src/argument-block.js';

export function header(table: {
  FIELDS: readonly Field[];
  CONTRACT: string;
  TENSORS: object;
  DTYPES: object;
}): string;
