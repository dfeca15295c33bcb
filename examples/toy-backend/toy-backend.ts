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
  routeTokens({ router, tokens, numExperts, topK, ...call }) {
    const [gating, scales] = [call.gatingOutput.floats, call.expertScalesFloat.floats];
    const experts = call.topKIndices.ints;
    const groups = { softmax: 1, group: topK, 'topk-only': 1 }[router];
    const size = numExperts / groups;
    for (let t = 0; t < tokens; t++) {
      const row = Array.from(gating.subarray(t * numExperts, (t + 1) * numExperts), clean);
      for (let g = 0; g < groups; g++) {
        const ranked = Array.from({ length: size }, (_, i) => g * size + i);
        ranked.sort((a, b) => row[b] - row[a] || a - b);
        const exp = (e: number) => Math.exp(row[e] - row[ranked[0]]);
        const sum = ranked.reduce((total, e) => total + exp(e), 0);
        for (let i = 0; i < topK / groups; i++) {
          const choice = t * topK + g + i;
          experts[choice] = ranked[i];
          scales[choice] = router === 'topk-only' ? row[ranked[i]] : exp(ranked[i]) / sum;
        }
      }
    }
  },

  planDispatch({ tokens, numExperts, topK, ...call }) {
    const experts = call.topKIndices.ints;
    const counts = new BigInt64Array(numExperts);
    for (const expert of experts) counts[checkIndex('topKIndices', expert, numExperts)]++;
    call.tokenNumsPerExpert.bytes.set(new Uint8Array(counts.buffer));
    const offsets = call.expertOffsets.ints.fill(0);
    for (let e = 0; e < numExperts; e++) offsets[e + 1] = offsets[e] + Number(counts[e]);
    const pairs = [...experts.keys()].sort((a, b) => experts[a] - experts[b] || a - b);
    for (const [row, pair] of pairs.entries()) {
      call.permuteIndicesPerToken.ints[(pair % topK) * tokens + Math.floor(pair / topK)] = row;
    }
  },

  permuteRows({ tokens, topK, hidden, x, permuteInput, ...call }) {
    const rowBytes = hidden * core.DTYPES[x.dtype].bytes;
    call.permuteIndicesPerToken.ints.forEach((row, i) => {
      const from = (i % tokens) * rowBytes;
      const to = checkIndex('plan.permuteIndicesPerToken', row, topK * tokens) * rowBytes;
      permuteInput.bytes.set(x.bytes.subarray(from, from + rowBytes), to);
    });
  },

  moeReduce({ tokens, topK, hidden, numExperts, normTopkProb, routedScalingFactor, output, ...call }) {
    const [ffnOut, scales, bias] = [call.ffnOut.floats, call.expertScalesFloat.floats, call.ffn2Bias?.floats];
    const [rows, experts] = [call.permuteIndicesPerToken.ints, call.topKIndices.ints];
    output.setFloats(tokens * hidden, (i) => {
      const [t, d] = [Math.floor(i / hidden), i % hidden];
      const given = scales.subarray(t * topK, (t + 1) * topK);
      const norm = normTopkProb ? given.reduce((total, scale) => f32(total + scale)) : 1;
      return given.reduce((sum, scale, k) => {
        const row = checkIndex('permuteIndicesPerToken', rows[k * tokens + t], topK * tokens);
        const expert = bias === undefined ? 0 : checkIndex('topKIndices', experts[t * topK + k], numExperts);
        const weight = norm === 0 ? 0 : f32(f32(scale / norm) * routedScalingFactor);
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

function checkIndex(argument: string, index: number, end: number): number {
  if (index >= 0 && index < end) return index;
  throw author.invalid('INDEX_OUT_OF_RANGE', argument, `the index ${index}`, `0 to ${end - 1}`);
}
