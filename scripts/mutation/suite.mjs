// A child process of mutation.mjs: runs the conformance suite on one mutated backend after another, up to the first
// failure. It sends { passed } after each case, so that its parent sees one that hangs, and at the end { killedBy }, empty
// for a survivor, or { invalid } for one that is no program.
import { pathToFileURL } from 'node:url';
import { NoCaseError, runConformance } from '@moe-dispatch/conformance';
import { firstShaderError } from './shader-errors.mjs';

class Killed extends Error {}

process.on('disconnect', () => process.exit());

process.on('message', async (request) => {
  try {
    process.send(await outcomeOf(request));
  } catch (error) {
    if (error instanceof NoCaseError) throw error;
    process.send({ killedBy: `${error.name}: ${error.message}`.split('\n')[0] });
  }
});

async function outcomeOf({ bundle, control, simd, lowLimits, filter }) {
  const mutant = await load(bundle);
  const { cpu, webgpu, nativeMemory } = mutant;
  if (cpu)
    return { killedBy: (await wrongWay(cpu, simd)) || (await firstFailure(cpu({ simd }), { filter })) };
  const invalid = await firstShaderError(mutant, await load(control));
  if (invalid) return { invalid };
  const factory = webgpu(await deviceOf(mutant, lowLimits));
  return { killedBy: await firstFailure(factory, { filter, nativeMemory }) };
}

function load(bundle) {
  return import(pathToFileURL(bundle).href);
}

/** The case that kills the backend, or ''. */
async function firstFailure(factory, options) {
  try {
    await runConformance(factory, {
      ...options,
      onCase: ({ id, status }) => {
        if (status === 'failed') throw new Killed(id);
        process.send({ passed: id });
      },
    });
    return '';
  } catch (error) {
    if (error instanceof Killed) return error.message;
    throw error;
  }
}

/** Options of webgpu(). */
async function deviceOf({ limitedDevice, LOW_LIMITS, newDevice }, lowLimits) {
  if (!lowLimits) return {};
  return { device: limitedDevice(await newDevice(), { limits: LOW_LIMITS }) };
}

/** A kernel that WebAssembly refuses must not pass because JavaScript routes in its place. */
async function wrongWay(cpu, simd) {
  const backend = await cpu({ simd }).create();
  const { device } = backend.info;
  backend.dispose();
  return device.includes('WebAssembly') === simd ? '' : `routes in another way: ${device}`;
}
