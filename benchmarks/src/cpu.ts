// The CPU backend beside copies of the same bytes: `pnpm bench:cpu [--runs N] [--only TEXT] [--peers]`.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type CpuBackend, cpu } from '@moe-dispatch/backend-cpu';
import { DTYPES, selectBackend } from '@moe-dispatch/core';
import { CASES, type Case } from './cpu-cases.js';
import { workOf } from './cpu-work.js';
import { leastTimes, median, type Work } from './measure.js';
import { Memcpy } from './memcpy.js';
import { loadPeers, type Peer, peerWork } from './peers.js';
import { shapeName } from './shapes.js';

const TURNS = 31;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    peers: { type: 'boolean', default: false },
  },
});

/** Milliseconds of each piece of work. */
type Times = Record<string, number>;

async function measure(backends: readonly CpuBackend[], peers: readonly Peer[], row: Case): Promise<Times> {
  const { size, dtype, biased } = row;
  const memcpy = new Memcpy(size.tokens * size.hidden * DTYPES[dtype].bytes, size.topK);
  const [one, two] = backends.map((backend) => workOf(backend, row));
  const work: Record<string, Work> = { memcpy: memcpy.one, memcpy2: memcpy.two };
  Object.assign(work, { dispatch: one.dispatch, dispatch2: two.dispatch });
  Object.assign(work, { route: one.route, plan: one.plan, move: one.move });
  Object.assign(work, { reduce: one.reduce, reduce2: two.reduce });
  const others: Awaited<ReturnType<typeof peerWork>>[] = [];
  // What they compute as well: float32, softmax.
  for (const peer of dtype === 'float32' && !biased ? peers : []) {
    if (size.topK * size.tokens > (peer.mostChoices ?? Infinity)) continue;
    const other = await peerWork(peer, size, one).catch((error: Error) => {
      console.error(`${peer.title} at ${shapeName(size)}: ${error.message}`);
    });
    if (!other) continue;
    work[`${peer.name} dispatch`] = other.dispatch;
    work[`${peer.name} reduce`] = other.reduce;
    others.push(other);
  }
  const times = await leastTimes(work, TURNS);
  for (const thing of [memcpy, one, two, ...others]) await thing.dispose();
  return times;
}

/** A row's cells, in times memcpy but for its own time: medians of the runs. */
function cells({ size, dtype, biased, dispatch, reduce }: Case, runs: Times[], peers: readonly Peer[]) {
  const ratio = (name: string) => median(runs.map((times) => times[name] / times.memcpy));
  const cell = (name: string) => (name in runs[0] ? ratio(name).toFixed(2) : '');
  const judged = (name: string, goal?: number) => {
    if (goal === undefined) return cell(name);
    return `${cell(name)} (${ratio(name) <= goal ? 'goal' : '**over** goal'} ${goal})`;
  };
  return [
    `${shapeName(size)}${biased ? ', sigmoid and bias' : ''}`,
    dtype,
    median(runs.map(({ memcpy }) => memcpy)).toPrecision(3),
    // A row is copied before the other thread is awake.
    size.tokens === 1 ? '' : cell('memcpy2'),
    judged('dispatch', dispatch?.[0]),
    `${cell('route')} + ${cell('plan')} + ${cell('move')}`,
    judged('dispatch2', dispatch?.[1]),
    judged('reduce', reduce?.[0]),
    judged('reduce2', reduce?.[1]),
    ...peers.flatMap(({ name }) => [cell(`${name} dispatch`), cell(`${name} reduce`)]),
  ];
}

const peers = values.peers ? await loadPeers() : [];
const backends = await Promise.all([1, 2].map((threads) => selectBackend([cpu({ threads })])));
const rows = CASES.filter(({ size, dtype }) => `${shapeName(size)} ${dtype}`.includes(values.only));
const found: Times[][] = rows.map(() => []);
const runs = Number(values.runs);
for (let run = 1; run <= runs; run++) {
  for (const [i, row] of rows.entries()) {
    process.stderr.write(`run ${run} of ${runs}: ${shapeName(row.size)} ${row.dtype}\n`);
    found[i].push(await measure(backends, peers, row));
  }
}
const columns = [
  ...['T, D, E, K', 'dtype', 'memcpy ms', 'memcpy, 2 threads', 'dispatch, 1 thread'],
  ...['= route (WebAssembly) + plan (JavaScript) + rows (WebAssembly)', '2 threads'],
  ...['reduce (WebAssembly), 1 thread', '2 threads'],
  ...peers.flatMap(({ title }) => [`${title}: dispatch`, 'reduce']),
];
const line = (texts: readonly string[]) => `| ${texts.join(' | ')} |`;
console.log(
  `${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, ${backends[1].info.device};`,
);
console.log(`medians of ${runs} runs, each the least of ${TURNS} times\n`);
console.log(line(columns));
console.log(line(columns.map((_, i) => (i < 2 ? '---' : '---:'))));
for (const [i, row] of rows.entries()) console.log(line(cells(row, found[i], peers)));
for (const backend of backends) backend.dispose();
