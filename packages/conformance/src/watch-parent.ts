// Run as a thread of a process that runs a backend: a case that blocks the main thread keeps it from hearing that the
// parent is gone, and would run for ever.
import { Socket } from 'node:net';

/** Ends with the parent, however that ends. The channel for messages has the number before it. */
const PIPE_FROM_PARENT = 4;

new Socket({ fd: PIPE_FROM_PARENT }).once('close', () => process.kill(process.pid, 'SIGKILL')).resume();
