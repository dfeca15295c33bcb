import {
  type ArrayOf,
  Backend,
  type BackendFactory,
  type BackendInfo,
  bfloat16ToFloat32,
  DTYPES,
  type DType,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  InvalidArgumentError,
  type PermuteCall,
  type PlanCall,
  type PrepareCall,
  PreparedDispatch,
  type ReduceCall,
  type RouteCall,
  Tensor,
} from '@moe-dispatch/core';
import { type Pair, STEPS, type Steps } from './reference-steps.js';

/** A naive backend in plain loops. Its steps can be replaced by faulty ones, to see whether the suite notices. */
export function reference(faults: Partial<Steps> = {}, info: Partial<BackendInfo> = {}): BackendFactory {
  return { name: 'reference', create: () => new ReferenceBackend({ ...STEPS, ...faults }, info) };
}

class ReferenceBackend extends Backend<ReferenceTensor, ArrayOf<DType>> {
  readonly info: BackendInfo;
  private readonly steps: Steps;

  constructor(steps: Steps, info: Partial<BackendInfo>) {
    super();
    this.steps = steps;
    const limits = { maxTensorBytes: 2 ** 30, maxExperts: 2 ** 16 };
    this.info = {
      name: 'reference',
      device: 'test',
      dtypes: Object.keys(DTYPES) as DType[],
      limits,
      ...info,
    };
  }

  allocate(shape: readonly number[], dtype: DType, byteLength: number): ReferenceTensor {
    return new ReferenceTensor(this, shape, dtype, byteLength, new Uint8Array(byteLength), false, this.steps);
  }

  upload(tensor: ReferenceTensor, data: ArrayOf<DType>): void {
    tensor.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  adopt(native: ArrayOf<DType>, shape: readonly number[], dtype: DType, byteLength: number): ReferenceTensor {
    if (!ArrayBuffer.isView(native)) {
      const details = { argument: 'native', found: typeof native, expected: 'a typed array' };
      throw new InvalidArgumentError('INVALID_ARGUMENT', details);
    }
    if (native.byteLength < byteLength) {
      const details = { argument: 'native', found: `${native.byteLength}`, expected: `${byteLength} bytes` };
      throw new InvalidArgumentError('BUFFER_TOO_SMALL', details);
    }
    const bytes = new Uint8Array(native.buffer, native.byteOffset, byteLength);
    const memory = this.steps.wrapCopies ? bytes.slice() : bytes;
    return new ReferenceTensor(this, shape, dtype, byteLength, memory, true, this.steps);
  }

  pooledBytes(): number {
    return 0;
  }

  shutdown(): void {}

  route({
    routing,
    tokens,
    numExperts,
    topK,
    gating,
    topKIndices,
    expertScalesFloat,
  }: RouteCall<ReferenceTensor>) {
    const { steps } = this;
    const values = gating.view('float32');
    for (let token = 0; token < tokens; token++) {
      const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
      const row = Array.from({ length: numExperts }, (_, e) =>
        steps.clean(values[token * numExperts + e], bits[token * numExperts + e]),
      );
      const chosen = routing === 'group' ? steps.chooseGroups(row, topK, steps) : steps.choose(row, topK);
      const size = routing === 'group' ? numExperts / topK : numExperts;
      const softmaxes: number[][] = [];
      for (let e = 0; e < numExperts; e += size) softmaxes.push(steps.softmax(row.slice(e, e + size)));
      chosen.forEach((expert, k) => {
        const scale =
          routing === 'topk-only'
            ? steps.gatingScale(row[expert])
            : softmaxes[Math.floor(expert / size)]?.[expert % size];
        topKIndices.view('int32')[token * topK + k] = expert;
        expertScalesFloat.view('float32')[token * topK + k] = scale;
      });
    }
  }

  plan(call: PlanCall<ReferenceTensor>) {
    const { tokens, topK, numExperts, topKIndices } = call;
    const counts = new Array<number>(numExperts).fill(0);
    const pairs: Pair[] = [];
    topKIndices.view('int32').forEach((expert, i) => {
      if (expert < 0 || expert >= numExperts) {
        if (this.steps.unchecked) return;
        throw outOfRange('topKIndices', expert);
      }
      counts[expert] += 1;
      pairs.push({ expert, token: Math.floor(i / topK), choice: i % topK });
    });
    this.steps.order(pairs).forEach(({ token, choice }, row) => {
      call.permuteIndicesPerToken.view('int32')[choice * tokens + token] = this.steps.rowOf(row);
    });
    let sum = 0;
    call.expertOffsets.view('int32')[0] = 0;
    counts.forEach((count, expert) => {
      sum += count;
      call.tokenNumsPerExpert.view('int64')[expert] = BigInt(this.steps.prefixSumAsCounts ? sum : count);
      call.expertOffsets.view('int32')[expert + 1] = sum;
    });
  }

  permute({ tokens, topK, hidden, x, permuteIndicesPerToken, permuteInput }: PermuteCall<ReferenceTensor>) {
    const rowBytes = hidden * DTYPES[x.dtype].bytes;
    permuteIndicesPerToken.view('int32').forEach((row, i) => {
      if (row < 0 || row >= topK * tokens) throw outOfRange('plan.permuteIndicesPerToken', row);
      const token = i % tokens;
      const source = x.bytes.subarray(token * rowBytes, (token + 1) * rowBytes);
      this.steps.copyRow(source, permuteInput.bytes, row * rowBytes, token, x.dtype);
    });
  }

  reduce(call: ReduceCall<ReferenceTensor>) {
    const { tokens, topK, hidden, numExperts, ffnOut, ffn2Bias, output } = call;
    const scales = call.expertScalesFloat.view('float32');
    const rows = call.permuteIndicesPerToken.view('int32');
    const experts = call.topKIndices.view('int32');
    const ffn = ffnOut.floats();
    const bias = ffn2Bias?.floats();
    const { weigh, addTerm, finish } = this.steps;
    const result = new Float32Array(tokens * hidden);
    for (let token = 0; token < tokens; token++) {
      const given = Array.from(scales.subarray(token * topK, (token + 1) * topK));
      const weights = weigh(given, call.normTopkProb, call.routedScalingFactor);
      for (let d = 0; d < hidden; d++) {
        let sum = 0;
        for (let k = 0; k < topK; k++) {
          const row = rows[k * tokens + token];
          const expert = experts[token * topK + k];
          if (row < 0 || row >= tokens * topK) throw outOfRange('permuteIndicesPerToken', row);
          if (bias && (expert < 0 || expert >= numExperts)) throw outOfRange('topKIndices', expert);
          const b = bias ? bias[expert * hidden + d] : 0;
          sum = addTerm(sum, weights[k], ffn[row * hidden + d], b);
        }
        result[token * hidden + d] = finish(sum, given, call.normTopkProb);
      }
    }
    output.setFloats(this.steps.roundResult(result));
  }

  prepare(call: PrepareCall): PreparedDispatch<ReferenceTensor> {
    return new ReferencePreparedDispatch(this, call);
  }
}

class ReferencePreparedDispatch extends PreparedDispatch<ReferenceTensor> {
  readonly workspaceBytes = 0;
  private readonly owner: ReferenceBackend;

  constructor(backend: ReferenceBackend, call: PrepareCall) {
    super(backend, call);
    this.owner = backend;
  }

  protected execute(call: Parameters<ReferenceBackend['dispatch']>[0]): void {
    this.owner.dispatch(call);
  }

  protected release(): void {}
}

class ReferenceTensor extends Tensor {
  readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly steps: Steps;

  constructor(
    backend: ReferenceBackend,
    shape: readonly number[],
    dtype: DType,
    byteLength: number,
    bytes: Uint8Array<ArrayBuffer>,
    borrowed: boolean,
    steps: Steps,
  ) {
    super(backend as Backend, shape, dtype, byteLength, borrowed);
    this.bytes = bytes;
    this.steps = steps;
  }

  get memory(): ArrayBuffer {
    return this.bytes.buffer;
  }

  get byteOffset(): number {
    return this.bytes.byteOffset;
  }

  get capacity(): number {
    return this.bytes.byteLength;
  }

  view<D extends DType>(dtype: D): ArrayOf<D> {
    const { ArrayType, bytes } = DTYPES[dtype];
    return new ArrayType(this.bytes.buffer, this.bytes.byteOffset, this.byteLength / bytes) as ArrayOf<D>;
  }

  floats(): Float32Array<ArrayBuffer> {
    const target = new Float32Array(this.byteLength / DTYPES[this.dtype].bytes);
    if (this.dtype === 'float16') float16ToFloat32(this.view('float16'), target);
    else if (this.dtype === 'bfloat16') bfloat16ToFloat32(this.view('bfloat16'), target);
    else target.set(this.view('float32'));
    return target;
  }

  setFloats(values: Float32Array<ArrayBuffer>): void {
    if (this.dtype === 'float16') float32ToFloat16(values, this.view('float16'));
    else if (this.dtype === 'bfloat16') float32ToBfloat16(values, this.view('bfloat16'));
    else this.view('float32').set(values);
  }

  protected async download(): Promise<ArrayBuffer> {
    return this.steps.readShares ? this.bytes.buffer : this.bytes.slice().buffer;
  }

  protected release(): void {
    if (this.steps.disposeClears) this.bytes.fill(0);
  }
}

function outOfRange(argument: string, value: number): InvalidArgumentError {
  return new InvalidArgumentError('INDEX_OUT_OF_RANGE', {
    argument,
    found: `${value}`,
    expected: 'in range',
  });
}
