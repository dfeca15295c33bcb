import * as core from '@moe-dispatch/core';
import { floats, ints, store, ToyTensor } from './toy-tensor.js';

const FLT_MAX = 3.4028234663852886e38;

/** The whole contract in plain loops: to read, not to use. */
class ToyBackend extends core.Backend<ToyTensor, ArrayBufferView<ArrayBuffer>> {
  override readonly info: core.BackendInfo = {
    name: 'toy',
    device: 'plain loops',
    dtypes: Object.keys(core.DTYPES) as core.DType[],
    limits: { maxTensorBytes: 2 ** 30, maxExperts: 65536 },
  };

  override allocate(shape: readonly number[], dtype: core.DType, byteLength: number): ToyTensor {
    return new ToyTensor(this, shape, dtype, new Uint8Array(byteLength), false);
  }

  override upload(tensor: ToyTensor, data: core.ArrayOf<core.DType>): void {
    tensor.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  override adopt(
    native: ArrayBufferView<ArrayBuffer>,
    shape: readonly number[],
    dtype: core.DType,
    byteLength: number,
  ): ToyTensor {
    core.checkArrayType('native', native, dtype);
    if (native.byteLength < byteLength) {
      const sizes = { found: `${native.byteLength} bytes`, expected: `at least ${byteLength} bytes` };
      throw new core.InvalidArgumentError('BUFFER_TOO_SMALL', { argument: 'native', ...sizes });
    }
    const bytes = new Uint8Array(native.buffer, native.byteOffset, byteLength);
    return new ToyTensor(this, shape, dtype, bytes, true);
  }

  override pooledBytes(): number {
    return 0;
  }

  override shutdown(): void {}

  override route({ routing, tokens, numExperts, topK, ...call }: core.RouteCall<ToyTensor>): void {
    const [gating, scales, experts] = [
      floats(call.gating),
      floats(call.expertScalesFloat),
      ints(call.topKIndices),
    ];
    const groups = routing === 'group' ? topK : 1;
    const size = numExperts / groups;
    for (let t = 0; t < tokens; t++) {
      const row = Array.from(gating.subarray(t * numExperts, (t + 1) * numExperts), clean);
      for (let g = 0; g < groups; g++) {
        const ranked = Array.from({ length: size }, (_, i) => g * size + i).sort(
          (a, b) => row[b] - row[a] || a - b,
        );
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
    const [experts, offsets, rows] = [call.topKIndices, call.expertOffsets, call.permuteIndicesPerToken].map(
      ints,
    );
    const counts = new BigInt64Array(numExperts);
    for (const expert of experts) counts[checkIndex('topKIndices', expert, numExperts)]++;
    offsets[0] = 0;
    counts.forEach((count, e) => {
      offsets[e + 1] = offsets[e] + Number(count);
    });
    call.tokenNumsPerExpert.bytes.set(new Uint8Array(counts.buffer));
    const pairs = [...experts.keys()].sort((a, b) => experts[a] - experts[b] || a - b);
    pairs.forEach((pair, row) => {
      rows[(pair % topK) * tokens + Math.floor(pair / topK)] = row;
    });
  }

  override permute({ tokens, topK, hidden, x, permuteInput, ...call }: core.PermuteCall<ToyTensor>): void {
    const rowBytes = hidden * core.DTYPES[x.dtype].bytes;
    ints(call.permuteIndicesPerToken).forEach((row, i) => {
      const from = (i % tokens) * rowBytes;
      const to = checkIndex('plan.permuteIndicesPerToken', row, topK * tokens) * rowBytes;
      permuteInput.bytes.set(x.bytes.subarray(from, from + rowBytes), to);
    });
  }

  override reduce({ tokens, topK, hidden, ...call }: core.ReduceCall<ToyTensor>): void {
    const [ffnOut, scales] = [floats(call.ffnOut), floats(call.expertScalesFloat)];
    const [rows, experts] = [ints(call.permuteIndicesPerToken), ints(call.topKIndices)];
    const bias = call.ffn2Bias === null ? null : floats(call.ffn2Bias);
    const result = new Float32Array(tokens * hidden);
    for (let i = 0; i < result.length; i++) {
      const [t, d] = [Math.floor(i / hidden), i % hidden];
      let [sum, norm] = [0, 0];
      for (let k = 0; k < topK; k++) {
        const row = checkIndex('permuteIndicesPerToken', rows[k * tokens + t], topK * tokens);
        let value = ffnOut[row * hidden + d];
        if (bias)
          value += bias[checkIndex('topKIndices', experts[t * topK + k], call.numExperts) * hidden + d];
        sum += scales[t * topK + k] * value;
        norm += scales[t * topK + k];
      }
      if (!call.normTopkProb) norm = 1;
      result[i] = norm === 0 ? 0 : (call.routedScalingFactor * sum) / norm;
    }
    store(result, call.output);
  }

  override prepare(call: core.PrepareCall): core.PreparedDispatch<ToyTensor> {
    return new ToyPrepared(this, call);
  }
}

class ToyPrepared extends core.PreparedDispatch<ToyTensor> {
  override readonly workspaceBytes = 0;
  private readonly toy: ToyBackend;

  constructor(toy: ToyBackend, call: core.PrepareCall) {
    super(toy, call);
    this.toy = toy;
  }

  protected override execute(call: core.DispatchCall<ToyTensor>): void {
    this.toy.dispatch(call);
  }

  protected override release(): void {}
}

export const toy = (): core.BackendFactory<ToyBackend> => ({ name: 'toy', create: () => new ToyBackend() });

/** A gating value as it takes part in the ranking. */
function clean(value: number): number {
  return Number.isNaN(value) ? -FLT_MAX : Math.min(Math.max(value, -FLT_MAX), FLT_MAX);
}

function checkIndex(argument: string, index: number, end: number): number {
  if (index >= 0 && index < end) return index;
  const details = { argument, found: `the index ${index}`, expected: `0 to ${end - 1}` };
  throw new core.InvalidArgumentError('INDEX_OUT_OF_RANGE', details);
}
