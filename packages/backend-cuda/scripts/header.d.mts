export function header(table: {
  FIELDS: readonly unknown[];
  CONTRACT: string;
  OPERATION_NAMES: readonly string[];
  ROUTERS: readonly string[];
  TENSORS: object;
  DTYPES: object;
}): string;
