import { type Backend, contractOf, newTensor } from '../backend.js';
import { readProperties } from '../checks/options.js';
import { checkOverlap } from '../checks/overlap.js';
import { checkExactShape } from '../checks/shape.js';
import { checkDType, type DType, FLOAT_DTYPES } from '../dtypes.js';
import { unsupported } from '../errors.js';
import { checkTensor, disposeSymbol, type Tensor } from '../tensor.js';
import type { Call } from './call.js';
import type { ArgumentNames, Request } from './inputs.js';
import {
  OPERATIONS,
  type OperationEntry,
  type OperationName,
  type ShapeSizes,
  STAGES,
  TENSORS,
  type TensorName,
} from './table.js';

/** The caller's tensors for results, each read once; undefined for a name that is not there. */
export type Out = { readonly [Name in TensorName]?: unknown };

/** Reads the caller's `out`, so that none of its getters runs after the checks. */
export function readOut(operation: OperationName, out: unknown): Out | undefined {
  if (out === undefined) return undefined;
  return readProperties(
    'out',
    out as Out,
    OPERATIONS[operation].outputs,
    'an object of tensors, named as in the result',
  );
}

// A registered symbol, so that results of another copy of core are recognised too.
const WEIGHED: unique symbol = Symbol.for('@moe-dispatch/core.weighed') as never;

/** Whether these results hold rows that were multiplied by their weights, so that moeReduce must not do it again. */
export function areWeighed(results: unknown): boolean {
  return (results as { [WEIGHED]?: boolean } | null)?.[WEIGHED] === true;
}

/** The results of an operation, by name. */
export class Results {
  /** Disposes every tensor in it. Doing it twice is harmless. */
  dispose(): void {
    for (const tensor of Object.values(this)) (tensor as Tensor).dispose();
  }

  /** `dispose()`, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.dispose();
  }
}

/**
 * Runs a call whose inputs and sizes are checked: finds its outputs, the caller's or new ones, and hands it to the
 * backend. If that throws, new outputs are freed again.
 * @param vector whether the rows are single elements: x is [T] then, and the permuted rows [K·T].
 */
export function perform(
  operation: OperationName,
  request: Request,
  out: Out | undefined,
  vector = false,
): Results {
  const { call, backend } = request;
  const run = implementationOf(operation, backend);
  const sizes = vector ? { ...call, vector } : call;
  if (call.applyRouterWeightOnInput) checkDType(request.names.x, call.dtype, FLOAT_DTYPES);
  const results = resultsOf(operation, request, sizes, out);
  try {
    checkNamed(operation, request, sizes);
    Object.assign(call, results);
    if (out) checkOverlap(request, tensorNames(operation), OPERATIONS[operation].outputs.length);
    // An empty result needs no kernel, whatever size the inputs have.
    if (Object.values(results).some(({ byteLength }) => byteLength > 0)) run(call as never);
    return results;
  } catch (error) {
    if (!out) results.dispose();
    throw error;
  }
}

/** Sizes, the dtype of the rows, and whether those are single elements. */
type OutputSizes = ShapeSizes & { dtype: DType; gatingDtype?: DType; vector?: boolean };

/**
 * An operation's results: the caller's tensors, checked, or new ones.
 * @throws InvalidArgumentError; ResourceError LIMIT_EXCEEDED, OUT_OF_MEMORY
 */
export function resultsOf(
  operation: OperationName,
  request: Request,
  sizes: OutputSizes,
  out?: Out,
): Results {
  const results = new Results() as Results & Record<string, Tensor>;
  if (request.call.applyRouterWeightOnInput) Object.defineProperty(results, WEIGHED, { value: true });
  try {
    for (const name of OPERATIONS[operation].outputs as readonly TensorName[]) {
      const dtype = tensorDType(name, sizes);
      const shape = outputShape(name, sizes);
      results[name] = out
        ? checkTensorOf(request, name, out[name], dtype, shape)
        : newTensor(request.backend, name, shape, dtype);
    }
    return results;
  } catch (error) {
    if (!out) results.dispose();
    throw error;
  }
}

function outputShape(name: TensorName, sizes: OutputSizes): number[] {
  return tensorShape(name, sizes).slice(0, sizes.vector ? 1 : undefined);
}

/**
 * What the backend does for an operation.
 * @throws InvalidArgumentError UNSUPPORTED_OPERATION
 */
export function implementationOf<Op extends OperationName>(
  operation: Op,
  backend: Backend,
): (call: Call<Op>) => void {
  const { operations } = contractOf(backend);
  const implemented: readonly OperationName[] = backend.info.operations;
  if (!implemented.includes(operation)) throw unsupported(backend.info, operation);
  const stages = operations[operation] ? [operation] : STAGES;
  return (call) => {
    for (const stage of stages) (operations[stage] as (call: unknown) => void)(call);
  };
}

/** [B, S, D] if its B·S is the T of `shape`, [T, D]. */
function batch(tensor: Tensor, shape: readonly number[]): readonly number[] {
  const [batches, sequence] = tensor.shape;
  return batches * sequence === shape[0] ? [batches, sequence, shape[1]] : shape;
}

/** The tensor that the caller gave, after its checks. x [B, S, D] is [T, D]. */
export function checkTensorOf(
  { backend, names }: Request,
  name: TensorName,
  tensor: unknown,
  dtype: DType,
  shape: readonly number[],
): Tensor {
  const argument = names[name];
  checkTensor(argument, tensor, backend);
  if (tensor.dtype !== dtype) checkDType(argument, tensor.dtype, [dtype]);
  const batched = name === 'x' && tensor.shape.length === 3;
  checkExactShape(argument, tensor, batched ? batch(tensor, shape) : shape);
  return tensor;
}

/** The shape that a tensor of the table has for these sizes. */
export function tensorShape(name: TensorName, sizes: ShapeSizes): number[] {
  return TENSORS[name].shape(sizes);
}

/** The dtype that a tensor of the table has in a call whose rows are of `dtype`. */
export function tensorDType(
  name: TensorName,
  { dtype: rows, gatingDtype = 'float32' }: { dtype: DType; gatingDtype?: DType },
): DType {
  const { dtype } = TENSORS[name];
  if (dtype === 'gating') return gatingDtype;
  return dtype === 'rows' ? rows : dtype;
}

/** Checks the tensors that were given by name. */
function checkNamed(operation: OperationName, request: Request, sizes: OutputSizes): void {
  for (const name of OPERATIONS[operation].named as readonly TensorName[]) {
    const tensor = request.call[name];
    if (tensor) checkTensorOf(request, name, tensor, tensorDType(name, sizes), tensorShape(name, sizes));
  }
}

/** An operation's tensors, outputs first. */
export function tensorNames(operation: OperationName): TensorName[] {
  const { outputs, inputs, optional, named }: OperationEntry = OPERATIONS[operation];
  return [...outputs, ...inputs, ...optional, ...named];
}

/** How errors name an operation's tensors: results as they are called in `out`. */
export function argumentNames(operation: OperationName): ArgumentNames {
  const outputs: readonly TensorName[] = OPERATIONS[operation].outputs;
  const names = tensorNames(operation).map((name) => [name, outputs.includes(name) ? `out.${name}` : name]);
  return Object.fromEntries(names);
}
