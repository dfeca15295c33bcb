// native/contract/table.h, from core's table of operations: what the addon knows of it.

const pascal = (name) => name.replace(/(^|[-_])(.)/g, (_, __, letter) => letter.toUpperCase());
const enumerators = (names) => names.map((name) => `k${pascal(name)}`).join(', ');

/** Rows may be longer than 32 bits count; there are fewer tokens, experts and choices. */
const LONG_SIZES = ['hidden'];

/** C++'s name of an enum. */
const enumName = ({ name }) => (name === 'dtype' ? 'DType' : pascal(name));

/** C++'s type of a field, and the method of ArgumentBlock that reads it. */
function typeOf(field) {
  switch (field.kind) {
    case 'enum':
      return [enumName(field), `member<${enumName(field)}>`];
    case 'size':
      return LONG_SIZES.includes(field.name) ? ['uint64_t', 'length'] : ['uint32_t', 'count'];
    case 'flag':
      return ['bool', 'flag'];
    case 'number':
      return ['float', 'number'];
    case 'address':
      return ['uint64_t', 'address'];
    case 'presence':
      return ['bool', 'present'];
  }
  throw new Error(`no type for ${field.kind}`);
}

/** Whether a tensor is given, which its address says. */
function presenceOf({ name, index, named }) {
  const has = `has${name.replace(/^./, (letter) => letter.toUpperCase())}`;
  return { name: has, kind: 'presence', index, operations: named, argument: name };
}

function readingOf(field) {
  const { index, name, values, argument = name } = field;
  const most = values === undefined ? '' : `, k${enumName(field)}s`;
  return `block.${typeOf(field)[1]}(${index}, "${argument}"${most})`;
}

/**
 * @param table FIELDS and CONTRACT of src/argument-block.ts; TENSORS and DTYPES of core.
 * @returns the text of the header.
 */
export function header({ FIELDS: fields, CONTRACT, TENSORS, DTYPES }) {
  const operation = fields.find(({ name }) => name === 'operation');
  const operations = operation.values;
  const addresses = fields.filter(({ kind }) => kind === 'address');
  const presences = addresses.filter(({ named }) => named.length > 0).map(presenceOf);
  const spec = fields.filter((field) => field.kind !== 'address' && field !== operation);
  const dtypes = Object.entries(DTYPES);
  return `// Generated from core's table of operations by scripts/contract.mjs: do not edit.
#pragma once
#include "block.h"

namespace moe {

${fields
  .filter(({ kind }) => kind === 'enum')
  .map(
    (field) => `enum class ${enumName(field)} : uint32_t { ${enumerators(field.values)} };
constexpr uint32_t k${enumName(field)}s = ${field.values.length};`,
  )
  .join('\n\n')}

constexpr const char* kDTypeNames[] = {${dtypes.map(([name]) => `"${name}"`).join(', ')}};
constexpr uint32_t kDTypeBytes[] = {${dtypes.map(([, { bytes }]) => bytes).join(', ')}};

/** What both sides mean: CONTRACT in src/argument-block.ts. */
constexpr const char* kContract =
    "${CONTRACT.split('; ').join('; "\n    "')}";
constexpr size_t kBlockLength = ${fields.length};

/**
 * What an operation can be prepared for: sizes, dtypes, attributes and which tensors it is given by name. 0 if the operation
 * has no such thing.
 */
struct Spec {
${[...spec, ...presences].map((field) => `  ${typeOf(field)[0]} ${field.name};`).join('\n')}
};

/** Addresses on the device, by the names of the table. 0 if the operation or the call has no such tensor. */
struct Tensors {
${addresses.map(({ name }) => `  uint64_t ${name};`).join('\n')}
};

inline Operation read_operation(const ArgumentBlock& block) {
  return ${readingOf(operation)};
}

/** Throws ArgumentError, which names the field. */
inline Spec read_spec(const ArgumentBlock& block, Operation operation) {
  Spec spec = {};
${reading([...spec, ...presences], operations, 'spec')}
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
${operations.map((name) => `    case Operation::k${pascal(name)}: return ${rowTensors(addresses, TENSORS, name)};`).join('\n')}
  }
  return 0;
}

}  // namespace moe
`;
}

/** What all operations have, then the rest by operation. */
function reading(fields, operations, target) {
  const line = (field) => `${target}.${field.name} = ${readingOf(field)};`;
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
function rowTensors(addresses, TENSORS, operation) {
  const own = addresses.filter(({ operations }) => operations.includes(operation));
  const rows = own.filter(({ name }) => TENSORS[name].dtype === 'rows');
  return rows.map(({ name }) => `at.${name}`).join(' | ') || '0';
}
