// A child process of mutation.mjs: runs the conformance suite on one mutated backend after another, up to the first
// failure. It sends { passed } after each case, so that its parent sees one that hangs, and { killedBy } at the end,
// empty for a survivor.
import { pathToFileURL } from 'node:url';
import { NoCaseError, runConformance } from '@moe-dispatch/conformance';

class Killed extends Error {}

process.on('disconnect', () => process.exit());

process.on('message', async ({ bundle, simd, filter }) => {
  let killedBy = '';
  try {
    const { cpu } = await import(pathToFileURL(bundle).href);
    await checkDevice(cpu({ simd }), simd);
    await runConformance(cpu({ simd }), {
      filter,
      onCase: ({ id, status }) => {
        if (status === 'failed') throw new Killed(id);
        process.send({ passed: id });
      },
    });
  } catch (error) {
    if (error instanceof NoCaseError) throw error;
    killedBy = error instanceof Killed ? error.message : `${error.name}: ${error.message}`.split('\n')[0];
  }
  process.send({ killedBy });
});

/** A kernel that WebAssembly refuses must not pass because JavaScript routes in its place. */
async function checkDevice(factory, simd) {
  const backend = await factory.create();
  const { device } = backend.info;
  backend.dispose();
  if (device.includes('WebAssembly') !== simd) throw new Killed(`routes in another way: ${device}`);
}
