#!/usr/bin/env node
import { main } from '../dist/cli.js';

/** What kept something from being printed. */
let lost;
// A full disk, or `| head`, which closes the pipe: what is still to be printed is lost, but the reports are not.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') lost ??= error;
});
process.stderr.on('error', () => {});

const code = await main(process.argv.slice(2));
if (lost !== undefined) console.error(`stdout: ${lost.message}`);
process.exitCode = lost === undefined ? code : code || 2;
