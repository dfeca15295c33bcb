// A child process of mutation.mjs: runs the conformance suite on one mutated backend after another, up to the first
// failure. It sends { passed } after each case, so that its parent sees one that hangs, and at the end { killedBy }, empty
// for a survivor, or { invalid } for one that is no program.
import { pathToFileURL } from 'node:url';
import { NoCaseError, runConformance } from '@moe-dispatch/conformance';
import { firstShaderError } from './shader-errors.mjs';

class Killed extends Error {}

process.on('disconnect', () => process.exit());

process.on('message', async ({ bundle, control, simd, filter }) => {
  try {
    const mutant = await load(bundle);
    const { cpu, webgpu, nativeMemory } = mutant;
    const invalid = webgpu && (await firstShaderError(mutant, await load(control)));
    if (invalid) process.send({ invalid });
    else if (webgpu) process.send({ killedBy: await firstFailure(webgpu(), { filter, nativeMemory }) });
    else
      process.send({
        killedBy: (await wrongWay(cpu, simd)) || (await firstFailure(cpu({ simd }), { filter })),
      });
  } catch (error) {
    if (error instanceof NoCaseError) throw error;
    process.send({ killedBy: describe(error) });
  }
});

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

/** A kernel that WebAssembly refuses must not pass because JavaScript routes in its place. */
async function wrongWay(cpu, simd) {
  const backend = await cpu({ simd }).create();
  const { device } = backend.info;
  backend.dispose();
  return device.includes('WebAssembly') === simd ? '' : `routes in another way: ${device}`;
}

function describe(error) {
  return `${error.name}: ${error.message}`.split('\n')[0];
}
