import { diagnose } from '../doctor/diagnose.js';
import type { Diagnosis } from '../doctor/diagnosis.js';
import { describeMachine } from '../machine.js';
import { printable } from '../printable.js';
import { type Command, parseOptions } from './command.js';
import { OWN_BACKENDS } from './own-backends.js';

const USAGE = `usage: moe-conformance doctor [options]

Says which backends are installed, which work here and on which device, and for each that does not, what was found and
what it needs. A backend works if it can be made and computes one small dispatch. Looks at
${OWN_BACKENDS.join(', ')}.

  --backend <module>   another one too: package name, path, or module#export; may come several times
  --json               as JSON

Exit code: 0 all backends that were named work, and at least one in all; 1 otherwise; 2 the command is wrong.`;

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'says which backends work here, and what the others need',
  usage: USAGE,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const { backend: named = [], json } = parse(args);
  const backends = await Promise.all([...new Set([...OWN_BACKENDS, ...named])].map(diagnose));
  const machine = describeMachine();
  if (json) console.log(JSON.stringify({ machine, backends }, null, 2));
  else
    console.log([`${machine.runtime}, ${machine.platform}`, ...backends.map(formatDiagnosis)].join('\n\n'));
  const works = (name: string) => backends.some(({ backend, works }) => backend === name && works);
  return named.every(works) && backends.some(({ works }) => works) ? 0 : 1;
}

function formatDiagnosis({ backend, installed, version, works, device, driver, problem }: Diagnosis): string {
  const state = works ? 'works' : installed ? 'does not work here' : 'is not installed';
  const code = problem?.code === undefined ? '' : ` (${problem.code})`;
  const lines = [printable(`${backend}${version === undefined ? '' : ` ${version}`}: ${state}${code}`)];
  const details = { device, driver, found: problem?.found, needed: problem?.remedy };
  for (const [name, text] of Object.entries(details)) {
    if (text !== undefined) lines.push(`  ${`${name}:`.padEnd(8)} ${printable(text)}`);
  }
  return lines.join('\n');
}

function parse(args: readonly string[]) {
  const options = { backend: { type: 'string', multiple: true }, json: { type: 'boolean' } } as const;
  return parseOptions(args, { options }).values;
}
