// A child process of mutation.mjs: runs cases of the conformance suite on one mutated backend after another, up to the
// first failure. It sends { passed, ms, seen } after each case, so that its parent sees one that hangs, and at the end
// { killedBy }, empty for a survivor, or { invalid } for one that is no program.
import { pathToFileURL } from 'node:url';
import { CaseRunner } from '../../packages/conformance/dist/case-runner.js';
import { collectCases } from '../../packages/conformance/dist/run.js';
import { tracedDevice } from './coverage.mjs';
import { firstShaderError } from './shader-errors.mjs';

const CASES = new Map(collectCases({}).map((each) => [each.id, each]));
/** The parent ends what takes longer than it should. */
const CASE_MS = 600_000;

// Ctrl-C is the parent's.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

process.on('message', async (request) => {
  try {
    process.send(await outcomeOf(request));
  } catch (error) {
    process.send({ killedBy: `${error.name}: ${error.message}`.split('\n')[0] });
  }
});

async function outcomeOf({ bundle, control, way, cases = [...CASES.keys()] }) {
  const mutant = await load(bundle);
  const seen = new Set();
  const ids = way.only === undefined ? cases : cases.filter((id) => new RegExp(way.only).test(id));
  if (mutant.cpu) {
    const factory = mutant.cpu({ simd: way.simd });
    return { killedBy: (await wrongWay(factory, way.simd)) || (await firstFailure(factory, {}, ids, seen)) };
  }
  const invalid = bundle === control ? undefined : await firstShaderError(mutant, await load(control));
  if (invalid) return { invalid };
  const { nativeMemory } = mutant;
  const device = await mutant.newDevice();
  try {
    return {
      killedBy: await firstFailure(webgpuFactory(mutant, device, way, seen), { nativeMemory }, ids, seen),
    };
  } finally {
    device.destroy();
  }
}

function load(bundle) {
  return import(pathToFileURL(bundle).href);
}

/** The case that kills the backend, or ''. */
async function firstFailure(factory, kit, ids, seen) {
  const runner = await CaseRunner.create(factory, kit);
  try {
    for (const id of ids) {
      seen.clear();
      const { result } = await runner.run(CASES.get(id), CASE_MS);
      if (result.status === 'failed') return id;
      process.send({ passed: id, ms: result.ms, seen: [...seen] });
    }
    return '';
  } finally {
    runner.dispose();
  }
}

/** With the arithmetic given: a backend that asks the device would find a wrong kernel, and use another. */
function webgpuFactory({ WebGpuBackend, limitedDevice, LOW_LIMITS, forward }, device, way, seen) {
  const limited = way.lowLimits ? limitedDevice(device, { limits: LOW_LIMITS }) : device;
  const traced = tracedDevice(limited, forward, seen);
  return {
    name: 'webgpu',
    create: async () => new WebGpuBackend(traced, false, undefined, way.arithmetic),
  };
}

/** A kernel that WebAssembly refuses must not pass because JavaScript routes in its place. */
async function wrongWay(factory, simd) {
  const backend = await factory.create();
  const { device } = backend.info;
  backend.dispose();
  return device.includes('WebAssembly') === simd ? '' : `routes in another way: ${device}`;
}
