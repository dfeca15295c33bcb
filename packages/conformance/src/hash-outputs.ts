import { type Backend, DTYPES, type DType, type FloatDType, type Tensor } from '@moe-dispatch/core';
import { drawn, Random } from './cases/data.js';
import { type ExampleSpec, exampleCall } from './cases/example-call.js';
import { callOfSeed, floatOf, randomSpec } from './cases/random-call.js';
import { decode } from './float-formats.js';
import { bytesOf, type HostTensor, readHost } from './host-tensor.js';
import { type DeviceTensors, issue } from './operations/host-call.js';
import { rowsOfMap } from './operations/judge.js';
import { Session } from './session.js';

const ALL = Object.keys(DTYPES) as DType[];

/**
 * A hash of everything that a backend makes of random routers: of moeDispatch, and of moeReduce on its results. Backends
 * that keep the contract have the same one, on any two machines.
 * @param seed of the first call; the n-th has seed + n
 * @param onCall awaited before each call
 * @returns SHA-256 in hexadecimal
 * @throws NotClaimed if the backend claims less than the calls need
 */
export async function hashOutputs(
  backend: Backend,
  seed: number,
  calls: number,
  onCall = async () => {},
): Promise<string> {
  let hash = new Uint8Array(32);
  for (let i = 0; i < calls; i++) {
    await onCall();
    const outputs = await outputsOfSeed(backend, seed + i);
    for (const name of Object.keys(outputs).sort()) hash = await chain(hash, outputs[name]);
  }
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function chain(hash: Uint8Array, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const joined = new Uint8Array(hash.length + bytes.length);
  joined.set(hash);
  joined.set(bytes, hash.length);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', joined));
}

/** The bytes of all results that the contract defines. */
async function outputsOfSeed(backend: Backend, seed: number): Promise<Record<string, Uint8Array>> {
  const session = new Session({ backend, factory: undefined, native: undefined });
  session.requireExact();
  session.require(...ALL);
  try {
    const call = callOfSeed(seed);
    const spec = randomSpec(call, ALL);
    const random = new Random(call.data);
    const sent = issue(session, exampleCall('moeDispatch', spec, random));
    const { output } = reduce(session, { ...spec, dtype: floatOf(call, ALL) }, sent, random);
    const map = (await readHost(sent.permuteIndicesPerToken as Tensor)) as HostTensor<'int32'>;
    const rows = await readHost(sent.permuteInput as Tensor);
    const weighed = spec.options?.router?.applyRouterWeightOnInput === true;
    return {
      output: await plainNaNs(output as Tensor),
      expertScalesFloat: await plainNaNs(sent.expertScalesFloat as Tensor),
      topKIndices: bytesOf(await (sent.topKIndices as Tensor).read()),
      tokenNumsPerExpert: bytesOf(await (sent.tokenNumsPerExpert as Tensor).read()),
      expertOffsets: bytesOf(await (sent.expertOffsets as Tensor).read()),
      permuteIndicesPerToken: bytesOf(map.data),
      permuteInput: namedRows(
        rows,
        weighed ? await plainNaNs(sent.permuteInput as Tensor) : bytesOf(rows.data),
        map,
      ),
    };
  } finally {
    session.dispose();
  }
}

function reduce(session: Session, spec: ExampleSpec, sent: DeviceTensors, random: Random): DeviceTensors {
  const { tokens, hidden, topK, numExperts, dtype, bias, tensors = [], options = {} } = spec;
  const upload = (...shape: number[]) =>
    session.upload(drawn(dtype as FloatDType, shape, () => random.normal()));
  const { expertScalesFloat, permuteIndicesPerToken, topKIndices } = sent;
  const inputs = {
    ffnOut: upload(topK * tokens, hidden),
    expertScalesFloat,
    permuteIndicesPerToken,
    topKIndices,
    ...(bias === true ? { ffn2Bias: upload(numExperts, hidden) } : {}),
    ...(tensors.includes('x') ? { x: upload(tokens, hidden) } : {}),
  } as DeviceTensors;
  const { router: _, ...weighing } = options;
  return issue(session, { operation: 'moeReduce', inputs: {}, options: weighing }, inputs);
}

const QUIET_NAN = { float32: 0x7fc00000, float16: 0x7e00, bfloat16: 0x7fc0 } as const;

/** The bytes of computed floats; a NaN may be any NaN. */
async function plainNaNs(tensor: Tensor): Promise<Uint8Array> {
  const { data, dtype } = (await readHost(tensor)) as HostTensor<FloatDType>;
  const words = dtype === 'float32' ? new Uint32Array(data.buffer, data.byteOffset, data.length) : data;
  decode(dtype, data).forEach((value, i) => {
    if (Number.isNaN(value)) words[i] = QUIET_NAN[dtype];
  });
  return bytesOf(data);
}

/** The bytes of rows, zeros in those that the map does not name. */
function namedRows(rows: HostTensor, bytes: Uint8Array, map: HostTensor<'int32'>): Uint8Array {
  const isDefined = rowsOfMap(map, rows);
  const size = rows.data.BYTES_PER_ELEMENT;
  return bytes.map((byte, i) => (isDefined(Math.floor(i / size)) ? byte : 0));
}
