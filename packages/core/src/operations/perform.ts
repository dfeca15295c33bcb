import { type Backend, contractOf, newTensor } from '../backend.js';
import { readProperties } from '../checks/options.js';
import { checkOverlap } from '../checks/overlap.js';
import { checkExactShape } from '../checks/shape.js';
import { checkDType, type DType, FLOAT_DTYPES } from '../dtypes.js';
import { hasBrand, unsupported } from '../errors.js';
import { checkTensor, disposeSymbol, type Tensor } from '../tensor.js';
import type { AnyCall } from './call.js';
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
  return readProperties('out', out as Out, OPERATIONS[operation].outputs, 'an object of tensors, by name');
}

// A registered symbol, so that results of another copy of core are recognised too.
const WEIGHED: unique symbol = Symbol.for('@moe-dispatch/core.weighed') as never;

/** Whether these results hold rows that were multiplied by their weights, so that moeReduce must not do it again. */
export function areWeighed(results: unknown): boolean {
  return hasBrand(results, WEIGHED);
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
  checkImplemented(operation, backend);
  if (call.applyRouterWeightOnInput) checkDType(request.names.x, call.dtype, FLOAT_DTYPES);
  const { outputs }: OperationEntry = OPERATIONS[operation];
  const sizes = vector ? { ...call, vector } : call;
  return resultsOf(operation, request, sizes, out, (results) => {
    checkNamed(operation, request, sizes);
    let bytes = 0;
    for (const name of outputs) {
      call[name] = results[name];
      bytes += results[name].byteLength;
    }
    if (out) checkOverlap(request, tensorNames(operation), outputs.length);
    // An empty result needs no kernel, whatever size the inputs have.
    if (bytes > 0) runOn(backend, operation, call);
  });
}

type NamedResults = Results & Record<TensorName, Tensor>;
/** Sizes, the dtype of the rows, and whether those are single elements. */
type OutputSizes = ShapeSizes & { dtype: DType; gatingDtype?: DType; vector?: boolean };

/**
 * An operation's results: the caller's tensors, checked, or new ones.
 * @param fill makes their content. If it throws, new ones are freed again.
 * @throws InvalidArgumentError; ResourceError LIMIT_EXCEEDED, OUT_OF_MEMORY
 */
export function resultsOf(
  operation: OperationName,
  request: Request,
  sizes: OutputSizes,
  out?: Out,
  fill?: (results: NamedResults) => void,
): NamedResults {
  const results = new Results() as NamedResults;
  if (request.call.applyRouterWeightOnInput) Object.defineProperty(results, WEIGHED, { value: true });
  try {
    for (const name of OPERATIONS[operation].outputs as readonly TensorName[]) {
      const dtype = tensorDType(name, sizes);
      const whole = tensorShape(name, sizes);
      const shape = sizes.vector ? [whole[0]] : whole;
      results[name] = out
        ? checkTensorOf(request, name, out[name], dtype, shape)
        : newTensor(request.backend, name, shape, dtype);
    }
    fill?.(results);
    return results;
  } catch (error) {
    if (!out) results.dispose();
    throw error;
  }
}

/** Throws UNSUPPORTED_OPERATION unless the backend implements the operation. */
export function checkImplemented(operation: OperationName, { info }: Backend): void {
  if (!info.operations.includes(operation)) throw unsupported(info, operation);
}

/** Hands a checked call to the backend, stage by stage if it does not implement the operation as a whole. */
export function runOn(backend: Backend, operation: OperationName, call: AnyCall): void {
  const { operations } = contractOf(backend);
  if (operations[operation]) operations[operation](call as never);
  else for (const stage of STAGES) operations[stage]!(call as never);
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
    if (tensor !== null)
      checkTensorOf(request, name, tensor, tensorDType(name, sizes), tensorShape(name, sizes));
  }
}

const NAMES = Object.fromEntries(
  Object.entries(OPERATIONS).map(
    ([operation, { outputs, inputs, optional, named }]: [string, OperationEntry]) => [
      operation,
      [...outputs, ...inputs, ...optional, ...named],
    ],
  ),
) as unknown as Record<OperationName, readonly TensorName[]>;

/** An operation's tensors, outputs first. */
export function tensorNames(operation: OperationName): readonly TensorName[] {
  return NAMES[operation];
}

/** How errors name an operation's tensors: results as they are called in `out`. */
export function argumentNames(operation: OperationName): ArgumentNames {
  const outputs: readonly TensorName[] = OPERATIONS[operation].outputs;
  const names = tensorNames(operation).map((name) => [name, outputs.includes(name) ? `out.${name}` : name]);
  return Object.fromEntries(names);
}
