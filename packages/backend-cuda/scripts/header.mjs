// native/contract/table.h, from core's table of operations: what the addon knows of it.

const pascal = (name) => name.replace(/(^|[-_])(.)/g, (_, __, letter) => letter.toUpperCase());
const enumerators = (names) => names.map((name) => `k${pascal(name)}`).join(', ');

/** C++'s type of a field, and how the block gives it. */
const READERS = {
  size: ({ name, index }) => [
    SIZE_TYPES[name] ?? 'uint32_t',
    `block.${SIZE_READERS[name] ?? 'count'}(${index}, "${name}")`,
  ],
  dtype: ({ name, index }) => ['DType', `block.member<DType>(${index}, "${name}", kDTypes)`],
  router: ({ name, index }) => ['Router', `block.member<Router>(${index}, "${name}", kRouters)`],
  flag: ({ name, index }) => ['bool', `block.flag(${index}, "${name}")`],
  number: ({ name, index }) => ['float', `block.number(${index}, "${name}")`],
  address: ({ name, index }) => ['uint64_t', `block.address(${index}, "${name}")`],
};
/** Rows may be longer than 32 bits count; there are fewer tokens, experts and choices. */
const SIZE_TYPES = { hidden: 'uint64_t' };
const SIZE_READERS = { hidden: 'length' };

/**
 * @param table FIELDS, CONTRACT and OPERATION_NAMES of src/argument-block.ts; ROUTERS, TENSORS and DTYPES of core.
 * @returns the text of the header.
 */
export function header(table) {
  const { FIELDS: fields, OPERATION_NAMES: operations, ROUTERS: routers, DTYPES } = table;
  const dtypes = Object.entries(DTYPES).map(([name, { bytes }]) => ({ name, bytes }));
  const addresses = fields.filter(({ kind }) => kind === 'address');
  const spec = fields.filter(({ kind }) => kind !== 'address' && kind !== 'operation');
  return `// Generated from core's table of operations by scripts/contract.mjs: do not edit.
#pragma once
#include "block.h"

namespace moe {

enum class Operation : uint32_t { ${enumerators(operations)} };
constexpr uint32_t kOperations = ${operations.length};

enum class Router : uint32_t { ${enumerators(routers)} };
constexpr uint32_t kRouters = ${routers.length};

enum class DType : uint32_t { ${enumerators(dtypes.map(({ name }) => name))} };
constexpr uint32_t kDTypes = ${dtypes.length};
constexpr const char* kDTypeNames[] = {${dtypes.map(({ name }) => `"${name}"`).join(', ')}};
constexpr uint32_t kDTypeBytes[] = {${dtypes.map(({ bytes }) => bytes).join(', ')}};

/** What both sides mean: CONTRACT in src/argument-block.ts. */
constexpr const char* kContract =
    "${table.CONTRACT.split('; ').join('; "\n    "')}";
constexpr size_t kBlockLength = ${fields.length};

/** What an operation can be prepared for: sizes, dtype and attributes. 0 if the operation has no such thing. */
struct Spec {
${spec.map((field) => `  ${READERS[field.kind](field)[0]} ${field.name};`).join('\n')}
};

/** Addresses on the device, by the names of the table. 0 if the operation or the call has no such tensor. */
struct Tensors {
${addresses.map(({ name }) => `  uint64_t ${name};`).join('\n')}
};

inline Operation read_operation(const ArgumentBlock& block) {
  return block.member<Operation>(${fields.find(({ kind }) => kind === 'operation').index}, "operation", kOperations);
}

/** Throws ArgumentError, which names the field. */
inline Spec read_spec(const ArgumentBlock& block, Operation operation) {
  Spec spec = {};
${reading(spec, operations, 'spec')}
  return spec;
}

/** Throws ArgumentError, which names the field. */
inline Tensors read_tensors(const ArgumentBlock& block, Operation operation) {
  Tensors at = {};
${reading(addresses, operations, 'at')}
  return at;
}

/** The bits of all addresses of the operation's rows: what they are aligned to. */
inline uint64_t row_address_bits(const Tensors& at, Operation operation) {
  switch (operation) {
${operations.map((name) => `    case Operation::k${pascal(name)}: return ${rowTensors(table, name)};`).join('\n')}
  }
  return 0;
}

}  // namespace moe
`;
}

/** What all operations have, then the rest by operation. */
function reading(fields, operations, target) {
  const line = (field) => `${target}.${field.name} = ${READERS[field.kind](field)[1]};`;
  const isCommon = (field) => field.operations.length === operations.length;
  const common = fields.filter(isCommon).map((field) => `  ${line(field)}`);
  const cases = operations.map((name) => {
    const own = fields.filter((field) => !isCommon(field) && field.operations.includes(name));
    return [
      `    case Operation::k${pascal(name)}:`,
      ...own.map((field) => `      ${line(field)}`),
      '      break;',
    ];
  });
  return [...common, '  switch (operation) {', ...cases.flat(), '  }'].join('\n');
}

/** The operation's tensors of the call's own dtype. */
function rowTensors({ FIELDS, TENSORS }, operation) {
  const own = FIELDS.filter(({ kind, operations }) => kind === 'address' && operations.includes(operation));
  const rows = own.filter(({ name }) => TENSORS[name].dtype === 'rows');
  return rows.map(({ name }) => `at.${name}`).join(' | ') || '0';
}
