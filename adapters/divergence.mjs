// pnpm divergence: runs the implementations that this machine can, and writes their reports and docs/divergence.md.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generate } from '../scripts/generated-file.mjs';
import { findings } from './findings.mjs';
import { IMPLEMENTATIONS } from './implementations.mjs';
import { CASES } from './inputs.mjs';
import { judge } from './judge.mjs';
import { renderPage } from './page.mjs';

const USAGE = `usage: pnpm divergence [options]

  --only <text>          only implementations with this text in their name
  --filter <text>        only cases with this text in their id; prints, and writes nothing
  --seconds <n>          after which an implementation begins no further case (default 300)
  --observations <file>  judges what python/observe.py wrote on another machine, instead of running anything
  --label <text>         goes before the names of those implementations, e.g. h200
  --page                 only writes the page again, from the reports; with --check, only compares`;

const HERE = fileURLToPath(new URL('.', import.meta.url));
const REPORTS = join(HERE, 'reports');
const PYTHON = join(HERE, '.venv', 'bin', 'python');
/** Above the time in which an implementation begins cases: for the case at hand and a slow start. */
const GRACE = 300;

const text = { type: 'string' };
const { values } = parseArgs({
  options: {
    only: { ...text, default: '' },
    filter: { ...text, default: '' },
    seconds: { ...text, default: '300' },
    observations: text,
    label: text,
    page: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(USAGE);
else {
  if (!values.page) await run();
  if (values.filter === '') writePage();
}

async function run() {
  const { observations, missing } = values.observations ? recorded() : observeHere();
  for (const observation of observations) {
    const report = await judge(observation);
    console.log(`\n${report.name} (${report.version}; ${report.device})`);
    for (const finding of findings(report)) console.log(`  ${finding}`);
    if (values.filter === '') writeFileSync(join(REPORTS, `${report.name}.json`), reportText(report));
  }
  for (const { name, reason } of missing) console.log(`\nnot run: ${name}: ${reason}`);
}

function recorded() {
  const { inputs, observations, missing } = JSON.parse(readFileSync(values.observations, 'utf8'));
  checkInputs(inputs);
  const { label } = values;
  if (label === undefined) return { observations, missing };
  const named = observations.map((observation) => ({
    ...observation,
    name: `${label}-${observation.name}`,
    elsewhere: label,
  }));
  return { observations: named, missing };
}

/** What was observed must be about these inputs. */
function checkInputs(found) {
  const hash = createHash('sha256');
  for (const { logits } of CASES) hash.update(new Uint8Array(logits().buffer));
  const expected = hash.digest('hex');
  if (found !== expected)
    throw new Error(
      `the inputs of python/observe.py have the hash ${found}, those of inputs.mjs ${expected}`,
    );
}

function observeHere() {
  const folder = mkdtempSync(join(tmpdir(), 'moe-divergence-'));
  try {
    const [javascript, python] = [observeJavaScript(folder), observePython(folder)];
    return {
      observations: [...javascript.observations, ...python.observations],
      missing: [...javascript.missing, ...python.missing],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Each in a process of its own: a driver that crashes or hangs is one of the answers. */
function observeJavaScript(folder) {
  const chosen = IMPLEMENTATIONS.filter(({ name }) => name.includes(values.only));
  const [observations, missing] = [[], []];
  // Their install scripts fetch what is not needed here.
  if (chosen.length > 0 && !existsSync(join(HERE, 'node_modules'))) {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: HERE,
      stdio: 'inherit',
    });
  }
  for (const { name } of chosen) {
    const file = join(folder, `${name}.json`);
    const child = start(process.execPath, ['observe-one.mjs', name, file, values.seconds, values.filter]);
    if (existsSync(file)) observations.push(JSON.parse(readFileSync(file, 'utf8')));
    if (child.status !== 0) missing.push({ name, reason: reasonOf(child) });
  }
  return { observations, missing };
}

function observePython(folder) {
  const wanted = IMPLEMENTATIONS.every(({ name }) => name !== values.only);
  if (!wanted) return { observations: [], missing: [] };
  const failed = installPython();
  const file = join(folder, 'python.json');
  const options = [
    '--out',
    file,
    '--only',
    values.only,
    '--filter',
    values.filter,
    '--seconds',
    values.seconds,
  ];
  const child = start(PYTHON, ['python/observe.py', ...options], 30);
  if (!existsSync(file))
    return { observations: [], missing: [...failed, { name: 'python', reason: reasonOf(child) }] };
  const { inputs, observations, missing } = JSON.parse(readFileSync(file, 'utf8'));
  checkInputs(inputs);
  return { observations, missing: [...failed, ...missing] };
}

/** One by one, so that what cannot be had leaves the others. @returns what failed */
function installPython() {
  if (existsSync(PYTHON)) return [];
  const made = spawnSync('python3', ['-m', 'venv', '.venv'], { cwd: HERE, encoding: 'utf8' });
  if (made.status !== 0) return [{ name: 'python', reason: reasonOf(made) }];
  const requirements = readFileSync(join(HERE, 'python', 'requirements.txt'), 'utf8')
    .trim()
    .split('\n');
  return requirements.flatMap((requirement) => {
    const pip = spawnSync(PYTHON, ['-m', 'pip', 'install', '-q', '--retries', '0', requirement], {
      encoding: 'utf8',
    });
    return pip.status === 0 ? [] : [{ name: requirement, reason: reasonOf(pip) }];
  });
}

function start(command, args, implementations = 1) {
  const timeout = 1000 * implementations * (Number(values.seconds) + GRACE);
  return spawnSync(command, args, { cwd: HERE, encoding: 'utf8', timeout, killSignal: 'SIGKILL' });
}

/** The last line that says something of an error. */
function reasonOf({ error, signal, status, stderr = '' }) {
  if (error?.code === 'ETIMEDOUT') return 'took too long';
  const lines = (stderr ?? '').trim().split('\n');
  return (
    lines.findLast((line) => /error/i.test(line))?.trim() ??
    error?.message ??
    `ended with ${signal ?? status}`
  );
}

/** A line for each group. */
function reportText({ groups, refused, ...about }) {
  const lines = (entries) => entries.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n');
  const head = JSON.stringify(about, null, 2).slice(0, -2);
  return `${head},\n  "groups": [\n${lines(groups)}\n  ],\n  "refused": [\n${lines(refused)}\n  ]\n}\n`;
}

function writePage() {
  const files = readdirSync(REPORTS).filter((name) => name.endsWith('.json'));
  const reports = files.map((name) => JSON.parse(readFileSync(join(REPORTS, name), 'utf8')));
  generate(
    new URL('../docs/divergence.md', import.meta.url),
    renderPage(reports, CASES.length),
    'pnpm divergence --page',
  );
}
