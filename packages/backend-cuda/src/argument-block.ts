import { DTYPES, type OperationName } from '@moe-dispatch/core';
import {
  ATTRIBUTES,
  type AttributeName,
  FLOAT_DTYPES,
  OPERATIONS,
  type OperationEntry,
  type Sizes,
  type Spec,
  TENSORS,
  type TensorName,
  tensorNames,
} from '@moe-dispatch/core/backend';

/** One argument of a native call. */
export interface Field {
  /** As the call object names it. */
  readonly name: string;
  /** `size`: a count. `address`: where a tensor is; 0 if it is absent. `enum`: the place in `values`. */
  readonly kind: 'enum' | 'size' | 'flag' | 'number' | 'address';
  readonly values?: readonly string[];
  /** The operations that have it. */
  readonly operations: readonly OperationName[];
  /** Those that may be given the tensor by name. */
  readonly named?: readonly OperationName[];
  /** Where it stands in the block. */
  readonly index: number;
}

/** The operations that the addon implements. Another one of core's changes nothing here. */
export const IMPLEMENTED = [
  'moeDispatch',
  'routeTokens',
  'planDispatch',
  'permuteRows',
  'moeReduce',
] as const satisfies readonly OperationName[];
export type Implemented = (typeof IMPLEMENTED)[number];

const SIZES = ['tokens', 'hidden', 'numExperts', 'topK', 'zeroExperts', 'sharedExperts'] as const;

/**
 * The arguments of every native call: numbers in one block, whose fields follow from core's table. The addon reads them
 * by native/contract/table.h, which scripts/contract.mjs writes from this list.
 */
export const FIELDS: readonly Field[] = [
  { name: 'operation', kind: 'enum', values: IMPLEMENTED, operations: IMPLEMENTED } as const,
  ...SIZES.map((name) => ({ name, kind: 'size', operations: IMPLEMENTED }) as const),
  { name: 'dtype', kind: 'enum', values: Object.keys(DTYPES), operations: IMPLEMENTED } as const,
  { name: 'gatingDtype', kind: 'enum', values: FLOAT_DTYPES, operations: IMPLEMENTED } as const,
  ...Object.entries(ATTRIBUTES).map(([name, type]) => ({
    ...attributeKind(type),
    name,
    operations: IMPLEMENTED.filter((each) => entryOf(each).attributes.includes(name as AttributeName)),
  })),
  ...Object.keys(TENSORS).map((name) => ({
    name,
    kind: 'address' as const,
    operations: IMPLEMENTED.filter((each) => tensorNames(each).includes(name as TensorName)),
    named: IMPLEMENTED.filter((each) => entryOf(each).named.includes(name as TensorName)),
  })),
]
  .filter(({ operations }) => operations.length > 0)
  .map((field, index) => ({ ...field, index }));

/** The addon has the same text: if not, it is of another version, or made for another version of core. */
export const CONTRACT = FIELDS.map(({ name, values }) =>
  values ? `${name}: ${values.join(' ')}` : name,
).join('; ');

/** What a call or a spec has, whatever the operation. */
export type AnySpec = Sizes & Pick<Spec, 'tensors'>;

/** Its other members, which are looked up by name. */
type Members = Readonly<Record<string, unknown>>;

const OPERATION = 0;
const TOKENS = 1;
const SPEC_FIELDS = fieldsByOperation(({ kind, index }) => kind !== 'address' && index !== OPERATION);
const TENSOR_FIELDS = fieldsByOperation(({ kind }) => kind === 'address');
const NAMED_FIELDS = fieldsByOperation(({ named }, operation) => named?.includes(operation) ?? false);

export function newBlock(): Float64Array {
  return new Float64Array(FIELDS.length);
}

/**
 * Writes the operation, its sizes, dtypes and attributes; for a tensor given by name, which an address will follow, that it
 * is there.
 */
export function writeSpec(block: Float64Array, operation: Implemented, spec: AnySpec): void {
  block[OPERATION] = IMPLEMENTED.indexOf(operation);
  for (const { name, index, values } of SPEC_FIELDS[operation]) {
    const value = (spec as unknown as Members)[name];
    block[index] = values === undefined ? Number(value) : values.indexOf(value as string);
  }
  for (const { name, index } of NAMED_FIELDS[operation]) {
    block[index] = Number(spec.tensors.includes(name as TensorName));
  }
}

/** Writes the number of tokens and the addresses of the operation's tensors. */
export function writeTensors(block: Float64Array, operation: Implemented, call: Sizes): void {
  block[TOKENS] = call.tokens;
  for (const { name, index } of TENSOR_FIELDS[operation]) {
    const tensor = (call as unknown as Members)[name] as { readonly address: number } | null;
    block[index] = tensor === null ? 0 : tensor.address;
  }
}

function attributeKind(type: (typeof ATTRIBUTES)[keyof typeof ATTRIBUTES]) {
  if (typeof type !== 'string') return { kind: 'enum', values: type } as const;
  return { kind: ({ boolean: 'flag', float32: 'number', count: 'size' } as const)[type] };
}

function entryOf(operation: Implemented): OperationEntry {
  return OPERATIONS[operation];
}

function fieldsByOperation(
  has: (field: Field, operation: Implemented) => boolean,
): Readonly<Record<Implemented, readonly Field[]>> {
  const of = (name: Implemented) =>
    FIELDS.filter((field) => has(field, name) && field.operations.includes(name));
  return Object.fromEntries(IMPLEMENTED.map((name) => [name, of(name)])) as never;
}
