import { decode } from './float-formats.js';
import type { HostTensor } from './host-tensor.js';

/* The experts of the files in fixtures/routers, in float64: each layout of parameters that transformers has. */

/** The metadata `experts` of a file. */
interface Experts {
  readonly layout: string;
  readonly kind?: string;
  readonly act?: string;
  readonly limit?: number | null;
  readonly alpha?: number;
  readonly num_experts?: number;
  readonly interleaved?: boolean;
}

type Vector = Float64Array;
type Expert = (expert: number, row: Vector) => Vector;

/** A parameter, empty if there is none; with the number of an expert, that expert's matrix or vector. */
type Parameter = (name: string, expert?: number) => Matrix;

interface Matrix {
  readonly values: Vector;
  readonly shape: readonly number[];
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const ACTIVATIONS: { readonly [name: string]: (x: number) => number } = {
  silu: (x) => x * sigmoid(x),
  relu: (x) => Math.max(x, 0),
  relu2: (x) => Math.max(x, 0) ** 2,
  gelu_pytorch_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

/** What the experts of a file compute. @throws Error for a layout that is not known */
export function expertOf(experts: Experts, tensors: ReadonlyMap<string, HostTensor>): Expert {
  const layout = LAYOUTS[experts.layout];
  if (layout === undefined) throw new Error(`unknown layout of experts '${experts.layout}'`);
  const decoded = new Map<string, Vector>();
  return layout(experts, (name, expert) => {
    const tensor = tensors.get(`experts.${name}`) as HostTensor<'float32'> | undefined;
    if (tensor === undefined) return { values: new Float64Array(), shape: [0] };
    const { data, shape } = tensor;
    const values = decoded.get(name) ?? decode('float32', data);
    decoded.set(name, values);
    if (expert === undefined) return { values, shape };
    const size = values.length / shape[0];
    return { values: values.subarray(expert * size, (expert + 1) * size), shape: shape.slice(1) };
  });
}

/** weight [out, in] · row, or with `inOut` row · weight [in, out] */
function multiply({ values, shape }: Matrix, row: Vector, inOut = false): Vector {
  const [first, second] = shape;
  const result = new Float64Array(inOut ? second : first);
  for (let i = 0; i < first; i++) {
    for (let j = 0; j < second; j++) {
      const value = values[i * second + j];
      if (inOut) result[j] += row[i] * value;
      else result[i] += row[j] * value;
    }
  }
  return result;
}

/** An absent bias is empty. */
const add = (a: Vector, bias: Vector): Vector =>
  bias.length === 0 ? a : a.map((value, i) => value + bias[i]);

/** The two halves of gate and up, or their turns, made one. */
function gated(experts: Experts, both: Vector): Vector {
  const size = both.length / 2;
  const [gate, up] = experts.interleaved
    ? [both.filter((_, i) => i % 2 === 0), both.filter((_, i) => i % 2 === 1)]
    : [both.subarray(0, size), both.subarray(size)];
  return gate.map((g, i) => combineGate(experts, g, up[i]));
}

function combineGate({ kind, act = 'silu', limit, alpha = 1 }: Experts, gate: number, up: number): number {
  const activate = ACTIVATIONS[act];
  const most = limit ?? Infinity;
  const clampedUp = Math.min(Math.max(up, -most), most);
  if (kind === 'swiglu') return activate(gate) * up;
  if (kind === 'swiglu_clamped') return activate(Math.min(gate, most)) * clampedUp;
  if (kind === 'swiglu_clamped_after_act') return Math.min(activate(gate), most) * clampedUp;
  if (kind !== 'swiglu_oai') throw new Error(`unknown kind of expert '${kind}'`);
  const g = Math.min(gate, most);
  return (clampedUp + 1) * g * sigmoid(g * alpha);
}

/** gate and up in one matrix [out, in], then down. */
const outIn =
  (both: string, down: string) =>
  (experts: Experts, parameter: Parameter): Expert =>
  (e, row) =>
    multiply(parameter(down, e), gated(experts, multiply(parameter(both, e), row)));

/** Two matrices with an activation between them. */
const twoMatrices =
  (up: (e: number, parameter: Parameter, row: Vector) => Vector, down: typeof up) =>
  ({ act = '' }: Experts, parameter: Parameter): Expert =>
  (e, row) =>
    down(e, parameter, up(e, parameter, row).map(ACTIVATIONS[act]));

const LAYOUTS: { readonly [layout: string]: (experts: Experts, parameter: Parameter) => Expert } = {
  gate_up_out_in: outIn('gate_up_proj', 'down_proj'),
  jetmoe: outIn('input_linear.weight', 'output_linear.weight'),
  gate_up_in_out: (experts, parameter) => (e, row) => {
    const both = multiply(parameter('gate_up_proj', e), row, true);
    const inner = gated(experts, add(both, parameter('gate_up_proj_bias', e).values));
    return add(multiply(parameter('down_proj', e), inner, true), parameter('down_proj_bias', e).values);
  },
  fc1_fc2_in_out: (experts, parameter) => (e, row) =>
    multiply(
      parameter('fc2.weight', e),
      gated(experts, multiply(parameter('fc1.weight', e), row, true)),
      true,
    ),
  dbrx: (experts, parameter) => (e, row) => {
    const part = (name: string) => {
      const { values, shape } = parameter(name);
      const rows = shape[0] / (experts.num_experts as number);
      const size = rows * shape[1];
      return { values: values.subarray(e * size, (e + 1) * size), shape: [rows, shape[1]] };
    };
    const up = multiply(part('mlp.v1'), row);
    const inner = multiply(part('mlp.w1'), row).map((gate, i) => combineGate(experts, gate, up[i]));
    return multiply(part('mlp.w2'), inner, true);
  },
  up_down: twoMatrices(
    (e, parameter, row) => multiply(parameter('up_proj', e), row),
    (e, parameter, row) => multiply(parameter('down_proj', e), row),
  ),
  wi_wo: twoMatrices(
    (e, parameter, row) => multiply(parameter(`expert_${e}.wi.weight`), row),
    (e, parameter, row) => multiply(parameter(`expert_${e}.wo.weight`), row),
  ),
  fc1_fc2_bias: twoMatrices(
    (e, parameter, row) => linear(parameter, `expert_${e}.fc1`, row),
    (e, parameter, row) => linear(parameter, `expert_${e}.fc2`, row),
  ),
  rank1:
    ({ act = '' }, parameter) =>
    (e, row) => {
      const down = parameter('down_embed.weight', e).values;
      const product = row.reduce((sum, value, i) => sum + value * down[i], 0);
      return parameter('up_embed.weight', e).values.map((value) => value * ACTIVATIONS[act](product));
    },
};

function linear(parameter: Parameter, name: string, row: Vector): Vector {
  return add(multiply(parameter(`${name}.weight`), row), parameter(`${name}.bias`).values);
}
