// Run in a separate process by probe.ts: a broken driver may crash it.
import { loadAddon } from './addon.js';

process.stdout.write(JSON.stringify(loadAddon().probe()));
