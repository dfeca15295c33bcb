// Models as bytes of ONNX's protobuf format (onnx.proto). Shapes are left out: the runtime finds them.

/** Element types of TensorProto. */
const ELEMENT_TYPES = { float32: 1, uint8: 2, int64: 7 };
const DOMAIN = 'com.microsoft';

/**
 * @param {string} operator of onnxruntime's own domain
 * @param {readonly string[]} inputs their names in the operator's order; '' where one is left out
 * @param {Record<string, string>} types the element type of each input
 * @param {Record<string, number | string>} attributes integers or texts
 */
export function oneNodeModel(operator, inputs, types, attributes) {
  const node = { operator, inputs, outputs: ['y'], attributes, domain: DOMAIN };
  const given = inputs.filter((name) => name !== '').map((name) => [name, types[name]]);
  return onnxModel([node], Object.fromEntries(given), { y: 'float32' });
}

/**
 * @param {readonly { operator: string, inputs: readonly string[], outputs: readonly string[],
 *   attributes?: Record<string, number | string>, domain?: string }[]} nodes each after those that it takes from
 * @param {Record<string, string>} inputs the element type of each
 * @param {Record<string, string>} outputs
 */
export function onnxModel(nodes, inputs, outputs) {
  const values = (field, types) => Object.entries(types).map((entry) => message(field, value(...entry)));
  const graph = [
    ...nodes.map((node) => message(1, nodeOf(node))),
    text(2, 'graph'),
    ...values(11, inputs),
    ...values(12, outputs),
  ];
  const opset = (domain, version) => message(8, [text(1, domain), integer(2, version)]);
  return Uint8Array.from([...integer(1, 8), ...opset('', 17), ...opset(DOMAIN, 1), ...message(7, graph)]);
}

function nodeOf({ operator, inputs, outputs, attributes = {}, domain = '' }) {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, operator),
    ...Object.entries(attributes).map(([name, value]) => message(5, attribute(name, value))),
    text(7, domain),
  ];
}

function attribute(name, value) {
  const isText = typeof value === 'string';
  return [text(1, name), isText ? text(4, value) : integer(3, value), integer(20, isText ? 3 : 2)];
}

function value(name, type) {
  return [text(1, name), message(2, [message(1, [integer(1, ELEMENT_TYPES[type])])])];
}

// Fields of protobuf: a number and a wire type, then an integer, or a length and bytes.
const integer = (field, n) => [...varint(field * 8), ...varint(n)];
const bytes = (field, content) => [...varint(field * 8 + 2), ...varint(content.length), ...content];
const text = (field, content) => bytes(field, new TextEncoder().encode(content));
const message = (field, parts) => bytes(field, parts.flat());

function varint(n) {
  return n < 128 ? [n] : [(n % 128) + 128, ...varint(Math.floor(n / 128))];
}
