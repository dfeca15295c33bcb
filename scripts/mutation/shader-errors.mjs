// Whether a mutant's WGSL is a program: one that no device compiles says nothing about the suite.
let device;

/** The first error of a mutant's modules that differ from the control's. */
export async function firstShaderError(mutant, control) {
  device ??= await control.newDevice();
  const unchanged = new Set(control.allModules(256).map(({ code }) => code));
  for (const { code } of mutant.allModules(256)) {
    if (unchanged.has(code)) continue;
    device.pushErrorScope('validation');
    const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
    await device.popErrorScope();
    const error = messages.find(({ type }) => type === 'error');
    if (error !== undefined) return error.message.split('\n')[0];
  }
  return undefined;
}
