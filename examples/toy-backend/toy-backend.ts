import * as core from '@moe-dispatch/core';

type Native = ArrayBufferView<ArrayBuffer>;
type Shape = readonly number[];

const MAX = 3.4028234663852886e38;
/** Every operation of a sum is rounded to float32. */
const f32 = Math.fround;
/** A gating value as it takes part in the ranking. */
const clean = (value: number) => (Number.isNaN(value) ? -MAX : Math.min(Math.max(value, -MAX), MAX));

/** Bytes in JavaScript memory; freeing them is the garbage collector's business. */
class ToyTensor extends core.Tensor {
  override readonly memory: ArrayBuffer;
  override readonly byteOffset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;

  constructor(backend: core.Backend, shape: Shape, dtype: core.DType, memory: Native, borrowed: boolean) {
    super(backend, shape, dtype, memory.byteLength, borrowed);
    ({ buffer: this.memory, byteOffset: this.byteOffset } = memory);
    this.bytes = new Uint8Array(this.memory, this.byteOffset, memory.byteLength);
  }

  /** Not byteLength: the owner of borrowed memory may have detached it. */
  override get capacity(): number {
    return this.bytes.length;
  }

  /** The memory of an int32 tensor. */
  get ints(): Int32Array {
    return new Int32Array(this.memory, this.byteOffset, this.bytes.length / 4);
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
    this.bytes.set(new Uint8Array((this.dtype === 'float32' ? values : narrow(values)).buffer));
  }

  protected override download = async (): Promise<ArrayBuffer> => this.bytes.slice().buffer;
  protected override release = (): void => {};
}

/** The whole contract in plain loops: to read, not to use. */
class ToyBackend extends core.Backend<ToyTensor, Native> {
  override readonly info: core.BackendInfo = {
    name: 'toy',
    device: 'plain loops',
    dtypes: Object.keys(core.DTYPES) as core.DType[],
    limits: { maxTensorBytes: 2 ** 30, maxExperts: 65536 },
  };

  override allocate(shape: Shape, dtype: core.DType, byteLength: number): ToyTensor {
    return new ToyTensor(this, shape, dtype, new Uint8Array(byteLength), false);
  }
  override upload(tensor: ToyTensor, data: core.ArrayOf<core.DType>): void {
    tensor.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  override adopt(native: Native, shape: Shape, dtype: core.DType, byteLength: number): ToyTensor {
    core.checkArrayType('native', native, dtype);
    const [found, expected] = [`${native.byteLength} bytes`, `at least ${byteLength} bytes`];
    if (native.byteLength < byteLength) throw core.invalid('BUFFER_TOO_SMALL', 'native', found, expected);
    const memory = new Uint8Array(native.buffer, native.byteOffset, byteLength);
    return new ToyTensor(this, shape, dtype, memory, true);
  }
  override pooledBytes = (): number => 0;
  override shutdown = (): void => {};
  override prepare = (call: core.PrepareCall): ToyPrepared => new ToyPrepared(this, call);

  override route({ routing, tokens, numExperts, topK, ...call }: core.RouteCall<ToyTensor>): void {
    const [gating, scales] = [call.gating.floats, call.expertScalesFloat.floats];
    const experts = call.topKIndices.ints;
    const groups = routing === 'group' ? topK : 1;
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
          scales[choice] = routing === 'topk-only' ? row[ranked[i]] : exp(ranked[i]) / sum;
        }
      }
    }
  }

  override plan({ tokens, numExperts, topK, ...call }: core.PlanCall<ToyTensor>): void {
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
  }

  override permute({ tokens, topK, hidden, x, permuteInput, ...call }: core.PermuteCall<ToyTensor>): void {
    const rowBytes = hidden * core.DTYPES[x.dtype].bytes;
    call.permuteIndicesPerToken.ints.forEach((row, i) => {
      const from = (i % tokens) * rowBytes;
      const to = checkIndex('plan.permuteIndicesPerToken', row, topK * tokens) * rowBytes;
      permuteInput.bytes.set(x.bytes.subarray(from, from + rowBytes), to);
    });
  }

  override reduce(call: core.ReduceCall<ToyTensor>): void {
    const { tokens, topK, hidden, numExperts, output } = call;
    const [ffnOut, scales, bias] = [call.ffnOut.floats, call.expertScalesFloat.floats, call.ffn2Bias?.floats];
    const [rows, experts] = [call.permuteIndicesPerToken.ints, call.topKIndices.ints];
    output.setFloats(tokens * hidden, (i) => {
      const [t, d] = [Math.floor(i / hidden), i % hidden];
      const given = scales.subarray(t * topK, (t + 1) * topK);
      const norm = call.normTopkProb ? given.reduce((total, scale) => f32(total + scale)) : 1;
      return given.reduce((sum, scale, k) => {
        const row = checkIndex('permuteIndicesPerToken', rows[k * tokens + t], topK * tokens);
        const expert = bias === undefined ? 0 : checkIndex('topKIndices', experts[t * topK + k], numExperts);
        const weight = f32(norm === 0 ? 0 : f32(scale / norm) * f32(call.routedScalingFactor));
        const value = f32(ffnOut[row * hidden + d] + (bias?.[expert * hidden + d] ?? 0));
        return f32(sum + f32(weight * value));
      }, 0);
    });
  }
}

class ToyPrepared extends core.PreparedDispatch<ToyTensor> {
  override readonly workspaceBytes = 0;
  protected override execute = (call: core.DispatchCall<ToyTensor>) => call.x.backend.dispatch(call);
  protected override release = (): void => {};
}

export const toy = (): core.BackendFactory<ToyBackend> => ({ name: 'toy', create: () => new ToyBackend() });

function checkIndex(argument: string, index: number, end: number): number {
  if (index >= 0 && index < end) return index;
  throw core.invalid('INDEX_OUT_OF_RANGE', argument, `the index ${index}`, `0 to ${end - 1}`);
}
