#!/usr/bin/env node
import { formatInspection, inspect } from '../dist/index.js';

const USAGE = `usage: moe-dispatch-cuda inspect [--json]

Prints the driver, the devices and what the kernels cover, or what is missing.
Exit code: 0 where the backend can be used, 1 where not, 2 where the command is wrong.`;

const args = process.argv.slice(2);
const [command, ...rest] = args;
if (args.includes('--help') || args.includes('-h')) {
  console.log(USAGE);
} else if (command !== 'inspect' || rest.some((option) => option !== '--json')) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  const inspection = await inspect();
  console.log(rest.includes('--json') ? JSON.stringify(inspection, null, 2) : formatInspection(inspection));
  if (!inspection.available) process.exitCode = 1;
}
