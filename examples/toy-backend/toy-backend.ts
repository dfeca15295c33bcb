import * as core from '@moe-dispatch/core';
import * as author from '@moe-dispatch/core/backend';

type Native = ArrayBufferView<ArrayBuffer>;

const MAX = 3.4028234663852886e38;
/** Every operation of a sum is rounded to float32. */
const f32 = Math.fround;
/** A gating value as it takes part in the ranking. */
const clean = (value: number) => (Number.isNaN(value) ? -MAX : Math.min(Math.max(value, -MAX), MAX));

/** Bytes in JavaScript memory; freeing them is the garbage collector's business. */
class ToyTensor extends core.Tensor {
  readonly bytes: Uint8Array<ArrayBuffer>;
  override readonly byteOffset: number;
  /** Not bytes.length: the owner of borrowed memory may detach it. */
  override readonly capacity: number;

  constructor(spec: author.TensorSpec, bytes: Uint8Array<ArrayBuffer>) {
    super(spec);
    this.bytes = bytes;
    ({ byteOffset: this.byteOffset, length: this.capacity } = bytes);
  }

  override get memory(): ArrayBuffer {
    return this.bytes.buffer;
  }

  /** The memory of an int32 tensor. */
  get ints(): Int32Array {
    return new Int32Array(this.memory, this.byteOffset, this.byteLength / 4);
  }

  /** The memory of a float32 tensor, a widened copy of a 16-bit one. */
  get floats(): Float32Array {
    const { dtype, memory, byteOffset, byteLength } = this;
    if (dtype === 'float32') return new Float32Array(memory, byteOffset, byteLength / 4);
    const words = new Uint16Array(memory, byteOffset, byteLength / 2);
    return dtype === 'float16' ? core.float16ToFloat32(words) : core.bfloat16ToFloat32(words);
  }

  /** Computes each element and rounds it to the tensor's dtype, once. */
  setFloats(length: number, compute: (i: number) => number): void {
    const values = Float32Array.from({ length }, (_, i) => compute(i));
    const narrow = this.dtype === 'float16' ? core.float32ToFloat16 : core.float32ToBfloat16;
    this.bytes.set(
      new Uint8Array((this.dtype === 'float32' ? values : narrow(values)).buffer as ArrayBuffer),
    );
  }

  protected override download = async (): Promise<ArrayBuffer> => this.bytes.slice().buffer;
  protected override release = (): void => {};
}

const operations: author.Operations<ToyTensor> = {
  routeTokens({ scoringFunc, nGroup, tokens, numExperts, topK, ...call }) {
    refuseRouter({ scoringFunc, nGroup, ...call });
    const [gating, scales] = [call.gatingOutput.floats, call.expertScalesFloat.floats];
    const experts = call.topKIndices.ints;
    const size = numExperts / nGroup;
    for (let t = 0; t < tokens; t++) {
      const row = Array.from(gating.subarray(t * numExperts, (t + 1) * numExperts), clean);
      for (let g = 0; g < nGroup; g++) {
        const ranked = Array.from({ length: size }, (_, i) => g * size + i);
        ranked.sort((a, b) => row[b] - row[a] || a - b);
        const exp = (e: number) => Math.exp(row[e] - row[ranked[0]]);
        const sum = ranked.reduce((total, e) => total + exp(e), 0);
        for (let i = 0; i < topK / nGroup; i++) {
          const choice = t * topK + g + i;
          experts[choice] = ranked[i];
          scales[choice] = scoringFunc === 'none' ? row[ranked[i]] : exp(ranked[i]) / sum;
        }
      }
    }
  },

  planDispatch({ tokens, numExperts, zeroExperts, topK, ...call }) {
    const experts = call.topKIndices.ints.map((expert) => checkIndex('topKIndices', expert, numExperts));
    const counts = new BigInt64Array(numExperts - zeroExperts);
    const hasRow = (pair: number) => experts[pair] !== -1 && experts[pair] < counts.length;
    const pairs = [...experts.keys()].filter(hasRow).sort((a, b) => experts[a] - experts[b] || a - b);
    for (const pair of pairs) counts[experts[pair]]++;
    call.tokenNumsPerExpert.bytes.set(new Uint8Array(counts.buffer));
    const offsets = call.expertOffsets.ints.fill(0);
    for (let e = 0; e < counts.length; e++) offsets[e + 1] = offsets[e] + Number(counts[e]);
    call.permuteIndicesPerToken.ints.fill(-1);
    for (const [row, pair] of pairs.entries()) {
      call.permuteIndicesPerToken.ints[(pair % topK) * tokens + Math.floor(pair / topK)] = row;
    }
  },

  permuteRows({ tokens, topK, hidden, x, permuteInput, ...call }) {
    if (call.applyRouterWeightOnInput) throw unsupported('expertScalesFloat', 'rows to be weighed');
    const rowBytes = hidden * core.DTYPES[x.dtype].bytes;
    call.permuteIndicesPerToken.ints.forEach((row, i) => {
      const from = (i % tokens) * rowBytes;
      if (checkIndex('plan.permuteIndicesPerToken', row, topK * tokens) === -1) return;
      permuteInput.bytes.set(x.bytes.subarray(from, from + rowBytes), row * rowBytes);
    });
  },

  moeReduce({ tokens, topK, hidden, numExperts, normTopkProb, routedScalingFactor, output, ...call }) {
    const [ffnOut, scales, bias] = [call.ffnOut.floats, call.expertScalesFloat.floats, call.ffn2Bias?.floats];
    const x = call.x?.floats;
    const [rows, experts] = [call.permuteIndicesPerToken.ints, call.topKIndices.ints];
    output.setFloats(tokens * hidden, (i) => {
      const [t, d] = [Math.floor(i / hidden), i % hidden];
      const own = scales.subarray(t * topK, (t + 1) * topK);
      const given = call.applyRouterWeightOnInput ? own.map(() => 1) : own;
      const norm = normTopkProb ? given.reduce((total, scale) => f32(total + scale)) : 1;
      return given.reduce((sum, scale, k) => {
        const row = checkIndex('permuteIndicesPerToken', rows[k * tokens + t], topK * tokens);
        const expert = experts[t * topK + k];
        const weight = norm === 0 ? 0 : f32(f32(scale / norm) * routedScalingFactor);
        if (row === -1) return x && expert !== -1 ? f32(sum + f32(weight * x[i])) : sum;
        if (bias) checkIndex('topKIndices', expert, numExperts);
        const value = f32(ffnOut[row * hidden + d] + (bias?.[expert * hidden + d] ?? 0));
        return f32(sum + f32(weight * value));
      }, 0);
    });
  },
};

/** The whole contract in plain loops: to read, not to use. */
const contract: author.BackendContract<ToyTensor, Native> = {
  name: 'toy',
  device: 'plain loops',
  dtypes: Object.keys(core.DTYPES) as core.DType[],
  limits: { maxTensorBytes: 2 ** 30, maxExperts: 65536 },
  operations,
  // Its exponentials are the engine's, where the contract's are integer arithmetic.
  exact: false,
  allocate: (spec) => new ToyTensor(spec, new Uint8Array(spec.byteLength)),
  upload: ({ bytes }, { buffer, byteOffset, byteLength }) =>
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength)),

  adopt(native, spec, byteOffset) {
    author.checkArrayType('native', native, spec.dtype);
    const [found, needed] = [native.byteLength, byteOffset + spec.byteLength];
    const expected = `at least ${needed} bytes`;
    if (found < needed) throw author.invalid('BUFFER_TOO_SMALL', 'native', `${found} bytes`, expected);
    return new ToyTensor(
      spec,
      new Uint8Array(native.buffer, native.byteOffset + byteOffset, spec.byteLength),
    );
  },
};

type ToyBackend = core.Backend<ToyTensor, Native>;
export const toy = (): core.BackendFactory<ToyBackend> => ({
  name: 'toy',
  create: () => new core.Backend(contract),
});

/** This backend knows Paddle's modes; what else a router may say, it refuses. */
function refuseRouter(
  call: Omit<author.Call<'routeTokens', ToyTensor>, 'tokens' | 'numExperts' | 'topK'>,
): void {
  const { scoringFunc, selection, nGroup, topkGroup, tensors } = call;
  const scores = scoringFunc === 'softmax' || scoringFunc === 'none';
  const chooses = (selection === 'topk' || selection === 'one_per_group') && topkGroup === nGroup;
  const weighs = !call.normTopkProb && call.routedScalingFactor === 1 && call.expertCapacity === 0;
  if (scores && chooses && weighs && call.zeroExperts === 0 && tensors.length === 0) return;
  throw unsupported('router', "more than Paddle's modes");
}

function unsupported(argument: string, found: string): Error {
  return author.invalid('UNSUPPORTED_OPERATION', argument, found, 'what the toy backend implements');
}

/** −1 is a choice that goes nowhere. */
function checkIndex(argument: string, index: number, end: number): number {
  if (index >= -1 && index < end) return index;
  throw author.invalid('INDEX_OUT_OF_RANGE', argument, `the index ${index}`, `-1 to ${end - 1}`);
}
