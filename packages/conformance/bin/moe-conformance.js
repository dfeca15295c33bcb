#!/usr/bin/env node
import { main } from '../dist/cli.js';

// `| head` closes the pipe: what is still to be printed has no reader, but the reports have.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await main(process.argv.slice(2));
