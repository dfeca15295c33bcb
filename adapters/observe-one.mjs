// Runs one implementation in this process and writes its observation: node observe-one.mjs NAME FILE SECONDS FILTER
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { IMPLEMENTATIONS } from './implementations.mjs';
import { ROUTER } from './inputs.mjs';
import { observe } from './observe.mjs';

const [name, target, seconds, filter = ''] = process.argv.slice(2);
const {
  file,
  make,
  packages,
  fused = false,
} = IMPLEMENTATIONS.find((implementation) => implementation.name === name);
const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const module = await import(`./javascript/${file}.mjs`);
const version = packages.map((dependency) => `${dependency} ${dependencies[dependency]}`).join(', ');
const about = { name, fused, version, machine: cpus()[0].model, runtime: `Node ${process.versions.node}` };
// After each case, so that a device that hangs or crashes in one leaves the others.
const write = (observation) => writeFileSync(target, JSON.stringify({ ...observation, ...about }));
await observe(module[make](), ROUTER, Number(seconds), (id) => id.includes(filter), write);
// A device may keep the process alive.
process.exit(0);
