/** Chromium's and Mesa's renderers without a GPU, as they call themselves. */
const SOFTWARE = /swiftshader|llvmpipe/i;

/** The device in words; where WebGPU runs in software, that too, because its times say nothing of a GPU. */
export function deviceText(device: string): string {
  return SOFTWARE.test(device) ? `${device} (software: no GPU is used)` : device;
}
