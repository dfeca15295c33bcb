#!/usr/bin/env node
import { formatInspection, inspect } from '../dist/index.js';

const [command, ...rest] = process.argv.slice(2);
if (command !== 'inspect' || rest.some((option) => option !== '--json')) {
  console.error('usage: moe-dispatch-cuda inspect [--json]');
  process.exitCode = 2;
} else {
  const inspection = await inspect();
  console.log(rest.includes('--json') ? JSON.stringify(inspection, null, 2) : formatInspection(inspection));
}
