// Run by Deno: compiles the WGSL modules of the JSON file named first, prints what its compiler says as JSON.
declare const Deno: {
  args: string[];
  readTextFile(file: string): Promise<string>;
  exit(code: number): never;
};

const modules = JSON.parse(await Deno.readTextFile(Deno.args[0]));
const adapter = await navigator.gpu?.requestAdapter();
if (!adapter) console.log(JSON.stringify({ unavailable: 'Deno finds no GPU adapter' }));
const device = (await adapter?.requestDevice()) ?? Deno.exit(0);
const failures = [];
for (const { id, code } of modules) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const error = await device.popErrorScope();
  if (error || !pipeline) failures.push({ id, message: error?.message });
}
console.log(JSON.stringify({ compiled: modules.length, failures }));
