import {
  type ArrayOf,
  Backend,
  type BackendFactory,
  DTYPES,
  type DType,
  type FloatDType,
  type Router,
  Tensor,
} from '@moe-dispatch/core';
import { type Call, invalid, type Operations } from '@moe-dispatch/core/backend';
import { decode } from './float-formats.js';
import { bytesOf, type HostTensor } from './host-tensor.js';
import { expectPlan, expectRows } from './oracle.js';

/** What a router is given, in plain memory. */
export interface RoutingCall {
  readonly tokens: number;
  readonly numExperts: number;
  readonly topK: number;
  /** [T, E], as the caller gave them: not cleaned */
  readonly logits: Float32Array<ArrayBuffer>;
}

/** What a router makes of them. */
export interface RoutingChoices {
  /** [T, K] */
  readonly topKIndices: Int32Array<ArrayBuffer>;
  /** [T, K] */
  readonly expertScalesFloat: Float32Array<ArrayBuffer>;
}

/** The one router that an implementation has. */
export type ImplementedRouter = Required<Pick<Router, 'scoringFunc' | 'normTopkProb'>>;

/** What every implementation says of itself. */
export interface Implementation {
  /** Short name. */
  readonly name: string;
  /** The device it runs on, in words. */
  readonly device: string;
  readonly maxExperts: number;
  readonly router: ImplementedRouter;
  /** Frees what it holds. */
  dispose?(): void;
}

/** An implementation of routing, and of nothing else. */
export interface RoutingImplementation extends Implementation {
  /** What it throws becomes the error of reading the results. */
  route(call: RoutingCall): RoutingChoices | Promise<RoutingChoices>;
}

/**
 * A backend of an implementation that only routes, for the suite: `routeTokens` is the implementation's, so that the cases
 * of `moeDispatch` can ask for it; the plan and the rows are the oracle's own, and say nothing of the implementation.
 * Other routers throw UNSUPPORTED_OPERATION. Weights may lie within the suite's bound (`exact: false`).
 */
export function routingBackend(implementation: RoutingImplementation): BackendFactory {
  const { name, device, maxExperts } = implementation;
  return {
    name,
    create: () =>
      new Backend<PromisedTensor>({
        name,
        device,
        dtypes: Object.keys(DTYPES) as DType[],
        limits: { maxTensorBytes: 2 ** 30, maxExperts },
        exact: false,
        operations: operationsOf(implementation),
        allocate: (spec) => new PromisedTensor(spec),
        upload: (tensor, data) => tensor.promise(Promise.resolve(bytesOf(data).slice())),
        shutdown: () => implementation.dispose?.(),
      }),
  };
}

/** A tensor whose content is on its way: an operation waits for its inputs, whatever is written to them later. */
class PromisedTensor extends Tensor {
  readonly memory = this;
  readonly byteOffset = 0;
  private content = Promise.resolve(new Uint8Array(this.byteLength));

  get capacity(): number {
    return this.byteLength;
  }

  promise(content: Promise<Uint8Array<ArrayBuffer>>): void {
    // Nobody may ever read it.
    content.catch(() => {});
    this.content = content;
  }

  async host<D extends DType>(): Promise<HostTensor<D>> {
    const { dtype, shape } = this;
    const data = new DTYPES[dtype].ArrayType(await this.download()) as ArrayOf<D>;
    return { dtype: dtype as D, shape, data };
  }

  protected async download(): Promise<ArrayBuffer> {
    return (await this.content).slice().buffer;
  }

  protected release(): void {}
}

function operationsOf(implementation: RoutingImplementation): Operations<PromisedTensor> {
  return {
    routeTokens({ tokens, numExperts, topK, gatingOutput, topKIndices, expertScalesFloat, ...attributes }) {
      checkRouter(implementation, attributes);
      const logits = gatingOutput.host<FloatDType>().then(({ dtype, data }) => decode(dtype, data));
      const found = logits.then(async (numbers) =>
        implementation.route({ tokens, numExperts, topK, logits: Float32Array.from(numbers) }),
      );
      deliver(found, { topKIndices, expertScalesFloat });
    },
    planDispatch({ numExperts, zeroExperts, topKIndices, ...outputs }) {
      const plan = topKIndices
        .host<'int32'>()
        .then((choices) => expectPlan(choices, numExperts, zeroExperts));
      const { tokenNumsPerExpert, expertOffsets, permuteIndicesPerToken } = outputs;
      const data = plan.then((found) => ({
        tokenNumsPerExpert: found.tokenNumsPerExpert.data,
        expertOffsets: found.expertOffsets.data,
        permuteIndicesPerToken: found.permuteIndicesPerToken.data,
      }));
      deliver(data, { tokenNumsPerExpert, expertOffsets, permuteIndicesPerToken });
    },
    permuteRows({ x, permuteIndicesPerToken, expertScalesFloat, applyRouterWeightOnInput, permuteInput }) {
      const weights = applyRouterWeightOnInput ? expertScalesFloat?.host<'float32'>() : undefined;
      const rows = Promise.all([x.host(), permuteIndicesPerToken.host<'int32'>(), weights]);
      const data = rows.then((inputs) => ({ permuteInput: expectRows(...inputs).data as BytesView }));
      deliver(data, { permuteInput });
    },
  };
}

type BytesView = ArrayBufferView<ArrayBuffer>;

/** Promises each output its array. */
function deliver<Name extends string>(
  arrays: Promise<{ readonly [N in Name]: BytesView }>,
  outputs: { readonly [N in Name]: PromisedTensor },
): void {
  for (const [name, tensor] of Object.entries(outputs) as [Name, PromisedTensor][]) {
    tensor.promise(arrays.then((found) => bytesOf(found[name]).slice()));
  }
}

type RouterCall = Omit<
  Call<'routeTokens', PromisedTensor>,
  'tokens' | 'numExperts' | 'topK' | 'gatingOutput' | 'topKIndices' | 'expertScalesFloat'
>;

function checkRouter({ name, router }: RoutingImplementation, call: RouterCall): void {
  const plain =
    call.selection === 'topk' &&
    call.topkGroup === call.nGroup &&
    call.normEps === 0 &&
    call.routedScalingFactor === 1 &&
    call.expertCapacity === 0 &&
    call.zeroExperts === 0 &&
    call.tensors.length === 0;
  const { scoringFunc, normTopkProb } = router;
  if (plain && call.scoringFunc === scoringFunc && call.normTopkProb === normTopkProb) return;
  const expected = `scoringFunc ${scoringFunc}, normTopkProb ${normTopkProb} and nothing else, as ${name} has it`;
  throw invalid('UNSUPPORTED_OPERATION', 'router', 'another router', expected);
}
