// onnxruntime's two MoE operators as fused operators of the suite. All expert weights are 0, or scaled by 0.
import { oneNodeModel } from './onnx-model.mjs';

/** Wide enough for the blocks of four-bit weights. With a hidden size of 32 onnxruntime-web on WebGPU gives zeros. */
const INTER = 32;
const ATTRIBUTES = { normalize_routing_weights: 1, activation_type: 'swiglu', swiglu_fusion: 1 };

/** The model and the inputs of each operator, for one call. */
const OPERATORS = {
  MoE({ numExperts, hidden, topK }) {
    const inputs = ['x', 'logits', 'fc1', '', 'fc2', 'bias'];
    return {
      model: oneNodeModel('MoE', inputs, allFloat(inputs), { k: topK, ...ATTRIBUTES }),
      weights: {
        fc1: zeros('float32', [numExperts, 2 * INTER, hidden]),
        fc2: zeros('float32', [numExperts, hidden, INTER]),
      },
    };
  },
  QMoE({ numExperts, hidden, topK }) {
    const inputs = ['x', 'logits', 'fc1', 'scales1', '', 'fc2', 'scales2', 'bias'];
    const types = { ...allFloat(inputs), fc1: 'uint8', fc2: 'uint8' };
    return {
      model: oneNodeModel('QMoE', inputs, types, { k: topK, expert_weight_bits: 4, ...ATTRIBUTES }),
      weights: {
        fc1: zeros('uint8', [numExperts, 2 * INTER, hidden / 2]),
        scales1: zeros('float32', [numExperts, 2 * INTER]),
        fc2: zeros('uint8', [numExperts, hidden, INTER / 2]),
        scales2: zeros('float32', [numExperts, hidden]),
      },
    };
  },
};

const allFloat = (inputs) => Object.fromEntries(inputs.map((name) => [name, 'float32']));

const zeros = (type, dims) => ({ type, dims });

/**
 * The fused operator of a runtime.
 * @param {'MoE' | 'QMoE'} operator
 * @param {{ name: string, device: string, execute: Function, dispose?: () => unknown }} runtime
 *   `execute(key, model, feeds)` runs a model, of which there is one for each key, and gives y. A feed without data is zeros
 */
export function onnxMoe(operator, { name, device, execute, dispose = () => {} }) {
  return {
    name,
    device,
    maxExperts: 4096,
    router: { scoringFunc: 'softmax', normTopkProb: true },
    hiddenMultiple: 64,
    run(call) {
      const { tokens, numExperts, hidden, topK, x, logits, outputBias } = call;
      const { model, weights } = OPERATORS[operator](call);
      const feeds = {
        x: { type: 'float32', dims: [tokens, hidden], data: x },
        logits: { type: 'float32', dims: [tokens, numExperts], data: logits },
        ...weights,
        bias: { type: 'float32', dims: [numExperts, hidden], data: outputBias },
      };
      return execute(`${operator} ${topK}`, model, feeds);
    },
    dispose,
  };
}

/** `execute` of a runtime with the interface of onnxruntime-common. */
export function executeWith(ort, options) {
  const sessions = new Map();
  return async (key, model, feeds) => {
    if (!sessions.has(key)) sessions.set(key, ort.InferenceSession.create(model, options));
    const session = await sessions.get(key);
    const tensors = Object.entries(feeds).map(([name, { type, dims, data = zerosOf(type, dims) }]) => [
      name,
      new ort.Tensor(type, data, dims),
    ]);
    const { y } = await session.run(Object.fromEntries(tensors));
    return Float32Array.from(await y.getData());
  };
}

function zerosOf(type, dims) {
  const length = dims.reduce((product, size) => product * size);
  return type === 'uint8' ? new Uint8Array(length) : new Float32Array(length);
}
