// Runs one implementation in this process and writes its observation: node observe-one.mjs NAME FILE SECONDS FILTER
import { readFileSync, writeFileSync } from 'node:fs';
import { IMPLEMENTATIONS } from './implementations.mjs';
import { ROUTER } from './inputs.mjs';
import { observe } from './observe.mjs';

const [name, target, seconds, filter = ''] = process.argv.slice(2);
const { file, make, packages } = IMPLEMENTATIONS.find((implementation) => implementation.name === name);
const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const module = await import(`./javascript/${file}.mjs`);
const observed = await observe(module[make](), ROUTER, Number(seconds), (id) => id.includes(filter));
const version = packages.map((dependency) => `${dependency} ${dependencies[dependency]}`).join(', ');
writeFileSync(
  target,
  JSON.stringify({ ...observed, name, version, runtime: `Node ${process.versions.node}` }),
);
// A device may keep the process alive.
process.exit(0);
