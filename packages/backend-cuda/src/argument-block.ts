import { DTYPES, type DType } from '@moe-dispatch/core';
import { OPERATIONS, ROUTERS, SIZES, TENSORS } from './table.js';

/** What a number in the block stands for. */
export type FieldKind = 'operation' | 'size' | 'dtype' | 'router' | 'flag' | 'number' | 'address';

/** How each attribute of the table is passed. */
const ATTRIBUTES: Readonly<Record<string, FieldKind>> = {
  router: 'router',
  normTopkProb: 'flag',
  routedScalingFactor: 'number',
};

/** One argument of a native call. */
export interface Field {
  /** As the call object names it. */
  readonly name: string;
  readonly kind: FieldKind;
  /** Where it stands in the block. */
  readonly index: number;
  /** The operations that have it. */
  readonly operations: readonly OperationName[];
}

export type OperationName = keyof typeof OPERATIONS;
export const OPERATION_NAMES = Object.keys(OPERATIONS) as OperationName[];

/**
 * The arguments of every native call: numbers in one block, whose fields follow from core's table. The addon reads them
 * by native/contract/table.h, which scripts/contract.mjs writes from this list.
 */
export const FIELDS: readonly Field[] = listFields();

const DTYPE_NAMES = Object.keys(DTYPES) as DType[];
/** The addon has the same text: if not, it is of another version. */
export const CONTRACT = [FIELDS.map(({ name }) => name), OPERATION_NAMES, ROUTERS, DTYPE_NAMES]
  .map((names) => names.join(' '))
  .join('; ');

/** The operation's own, in the order of the block. */
const fieldsOf = (operation: OperationName, address: boolean): readonly Field[] =>
  FIELDS.filter(({ operations, kind }) => operations.includes(operation) && (kind === 'address') === address);
const perOperation = (address: boolean) =>
  Object.fromEntries(OPERATION_NAMES.map((name) => [name, fieldsOf(name, address)])) as Record<
    OperationName,
    readonly Field[]
  >;
const SPEC_FIELDS = perOperation(false);
const TENSOR_FIELDS = perOperation(true);

/** A tensor, or none if it is optional. */
type Argument = { readonly address: number } | null | undefined;

export function newBlock(): Float64Array {
  return new Float64Array(FIELDS.length);
}

/** Writes the operation, its sizes, dtype and attributes. */
export function writeSpec(block: Float64Array, operation: OperationName, spec: object): void {
  for (const { name, kind, index } of SPEC_FIELDS[operation]) {
    block[index] = ENCODE[kind](kind === 'operation' ? operation : (spec as Record<string, unknown>)[name]);
  }
}

/** Writes the number of tokens and the addresses of the operation's tensors. */
export function writeTensors(
  block: Float64Array,
  operation: OperationName,
  call: { readonly tokens: number },
): void {
  block[TOKENS] = call.tokens;
  for (const { name, index } of TENSOR_FIELDS[operation]) {
    block[index] = (call as unknown as Record<string, Argument>)[name]?.address ?? 0;
  }
}

const TOKENS = FIELDS.findIndex(({ name }) => name === 'tokens');
const ENCODE: Readonly<Record<FieldKind, (value: unknown) => number>> = {
  operation: (value) => OPERATION_NAMES.indexOf(value as OperationName),
  size: Number,
  dtype: (value) => DTYPE_NAMES.indexOf(value as DType),
  router: (value) => ROUTERS.indexOf(value as (typeof ROUTERS)[number]),
  flag: Number,
  number: Number,
  address: Number,
};

function listFields(): Field[] {
  const having = (uses: (entry: (typeof OPERATIONS)[OperationName]) => readonly string[], name: string) =>
    OPERATION_NAMES.filter((operation) => uses(OPERATIONS[operation]).includes(name));
  const attributes = new Set<string>(OPERATION_NAMES.flatMap((name) => OPERATIONS[name].attributes));
  const fields: Omit<Field, 'index'>[] = [
    { name: 'operation', kind: 'operation', operations: OPERATION_NAMES },
    ...SIZES.map((name) => ({ name, kind: 'size' as const, operations: OPERATION_NAMES })),
    {
      name: 'dtype',
      kind: 'dtype',
      operations: OPERATION_NAMES.filter((name) => OPERATIONS[name].rows !== 'none'),
    },
    ...[...attributes].map((name) => {
      const kind = ATTRIBUTES[name];
      if (kind === undefined) throw new Error(`ATTRIBUTES does not say how to pass ${name}`);
      return { name, kind, operations: having((entry) => entry.attributes, name) };
    }),
    ...Object.keys(TENSORS).map((name) => ({
      name,
      kind: 'address' as const,
      operations: having(({ inputs, optional, outputs }) => [...inputs, ...optional, ...outputs], name),
    })),
  ];
  return fields.map((field, index) => ({ ...field, index }));
}
