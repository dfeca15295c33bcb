// Whether a mutant's WGSL is a program: one that no device compiles says nothing about the suite.
/** A change that is no program is seldom one in other variants of a kernel. */
const MOST = 16;
let device;

/** The first error of a mutant's modules that differ from the control's, or of the first of them. */
export async function firstShaderError(mutant, control) {
  device ??= await control.newDevice();
  const unchanged = new Set(control.allModules(256).map(({ code }) => code));
  const changed = mutant.allModules(256).filter(({ code }) => !unchanged.has(code));
  for (const { code } of changed.slice(0, MOST)) {
    device.pushErrorScope('validation');
    const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
    await device.popErrorScope();
    const error = messages.find(({ type }) => type === 'error');
    if (error !== undefined) return error.message.split('\n')[0];
  }
  return undefined;
}
