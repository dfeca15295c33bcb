// Compares all 2^32 results of the WGSL score functions with the reference, 2^24 at a time, and times them. Bundled by
// benchmarks/bundle-webgpu.sh; on this machine:
//   npx esbuild scripts/check-scores-webgpu.mjs --bundle --platform=node --format=esm --external:webgpu \
//     --outfile=packages/backend-webgpu/dist/check-scores.mjs && node packages/backend-webgpu/dist/check-scores.mjs [CHUNK …]
// CHUNK, 0 to 255: only inputs with these 8 leading bits, and no times.
import { createHash } from 'node:crypto';
import { create } from 'webgpu';
import { GpuTimer } from '../benchmarks/src/webgpu-timer.ts';
import { EXP_NEG, SIGMOID, SQRTSOFTPLUS } from '../packages/backend-webgpu/src/kernels/scores.wgsl.ts';
import reference from '../packages/conformance/scores/hashes.json';

const CHUNK = 2 ** 24;
const BYTES = 4 * CHUNK;
const GROUP = 256;
/** Inputs from -2 to -8. */
const TIMED = 0xc0;
const CODES = {
  // What is left without a score function.
  none: 'fn score(bits: u32) -> u32 { return bits; }',
  // exp is that of min(x, 0).
  exp: `${EXP_NEG} fn score(bits: u32) -> u32 {
    let e = exp_neg(select(0u, bits & 0x7fffffffu, bits >> 31u == 1u));
    return round32(e.x, i32(e.y), false);
  }`,
  sigmoid: `${EXP_NEG}${SIGMOID} fn score(bits: u32) -> u32 { return sigmoid(bits); }`,
  sqrtsoftplus: `${EXP_NEG}${SQRTSOFTPLUS} fn score(bits: u32) -> u32 { return sqrtsoftplus(bits); }`,
};

const chunks = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [...Array(256).keys()];
// Dawn rounds timestamps to 100 µs unless told not to.
const gpu = create([
  'enable-dawn-features=allow_unsafe_apis',
  'disable-dawn-features=timestamp_quantization',
]);
const adapter = await gpu.requestAdapter();
const requiredFeatures = ['timestamp-query'].filter((name) => adapter.features.has(name));
const device = await adapter.requestDevice({ requiredFeatures });
console.log(adapter.info.description);
const timer = new GpuTimer(device, 20);
// STORAGE | COPY_SRC; UNIFORM | COPY_DST; MAP_READ | COPY_DST
const results = device.createBuffer({ size: BYTES, usage: 0x80 | 0x4 });
const first = device.createBuffer({ size: 16, usage: 0x40 | 0x8 });
const staging = device.createBuffer({ size: BYTES, usage: 0x1 | 0x8 });
const passed = [];
for (const [name, code] of Object.entries(CODES)) passed.push(await check(name, makeRecorder(code)));
process.exit(passed.every(Boolean) ? 0 : 1);

async function check(name, record) {
  if (chunks.length === 256) {
    device.queue.writeBuffer(first, 0, Uint32Array.of(TIMED * CHUNK));
    const us = await timer.time(record);
    console.log(`${name}: ${us.toFixed(1)} µs for 2^24 values`);
  }
  if (name === 'none') return true;
  const all = createHash('sha256');
  const wrong = [];
  for (const chunk of chunks) {
    const bytes = await compute(record, chunk);
    all.update(bytes);
    if (createHash('sha256').update(bytes).digest('hex') !== reference[name].chunks[chunk]) wrong.push(chunk);
    staging.unmap();
  }
  console.log(
    `${name}: ${chunks.length} chunks, ${wrong.length} differ ${wrong}, SHA-256 ${all.digest('hex')}`,
  );
  return wrong.length === 0;
}

/** The results for a chunk's inputs, until staging is unmapped. */
async function compute(record, chunk) {
  device.queue.writeBuffer(first, 0, Uint32Array.of(chunk * CHUNK));
  const encoder = device.createCommandEncoder();
  record(encoder, undefined);
  encoder.copyBufferToBuffer(results, 0, staging, 0, BYTES);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  return new Uint8Array(staging.getMappedRange());
}

function makeRecorder(code) {
  const module = device.createShaderModule({
    code: `${code}
@group(0) @binding(0) var<storage, read_write> results: array<u32>;
@group(0) @binding(1) var<uniform> first: u32;
@compute @workgroup_size(${GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${CHUNK / 256}u + id.x;
  var bits = first + i;
  if ((bits & 0x7f800000u) == 0x7f800000u) { bits = select(0xff7fffffu, 0x7f7fffffu, bits == 0x7f800000u); }
  results[i] = score(bits);
}`,
  });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const entries = [results, first].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const bindGroup = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  return (encoder, descriptor) => {
    const pass = encoder.beginComputePass(descriptor);
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(CHUNK / 256 / GROUP, 256);
    pass.end();
  };
}
