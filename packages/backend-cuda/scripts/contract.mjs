// Writes native/contract/table.h; with --check, says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { DTYPES } from '@moe-dispatch/core';
import { TENSORS } from '@moe-dispatch/core/backend';
import { CONTRACT, FIELDS } from '../dist/argument-block.js';
import { header } from './header.mjs';

const TARGET = new URL('../native/contract/table.h', import.meta.url);
const text = header({ FIELDS, CONTRACT, TENSORS, DTYPES });
if (!process.argv.includes('--check')) writeFileSync(TARGET, text);
else if (readFileSync(TARGET, 'utf8') !== text) {
  console.error('native/contract/table.h is out of date: run packages/backend-cuda/scripts/contract.mjs');
  process.exitCode = 1;
}
