"""onnxruntime 1.30.0: the fused operators MoE and QMoE with each execution provider. All expert weights are 0, or scaled by 0, and
the output biases one-hot: y[t, e] is the weight of expert e (packages/conformance/src/fused-operator.ts)."""

import functools

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from numpy_router import ROUTER
from sums import read

INTER = 32
DOMAIN = "com.microsoft"
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8}


def weights_of(operator, experts, hidden):
    """The inputs between the logits and the output bias; None where one is left out."""
    zeros = lambda dtype, *shape: np.zeros((experts, *shape), dtype)
    if operator == "MoE":
        return {"fc1": zeros(np.float32, 2 * INTER, hidden), "": None, "fc2": zeros(np.float32, hidden, INTER)}
    return {
        "fc1": zeros(np.uint8, 2 * INTER, hidden // 2), "s1": zeros(np.float32, 2 * INTER), "": None,
        "fc2": zeros(np.uint8, hidden, INTER // 2), "s2": zeros(np.float32, hidden),
    }


@functools.lru_cache
def session(operator, provider, top_k, names, types):
    bits = {"expert_weight_bits": 4} if operator == "QMoE" else {}
    node = helper.make_node(
        operator, names, ["y"], domain=DOMAIN, k=top_k, normalize_routing_weights=1, activation_type="swiglu",
        swiglu_fusion=1, **bits,
    )
    inputs = [helper.make_tensor_value_info(n, t, None) for n, t in zip(filter(None, names), types)]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], operator, inputs, [output])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    settings = ort.SessionOptions()
    # A node that the provider lacks is an error, not a run on the CPU.
    settings.add_session_config_entry("session.disable_cpu_ep_fallback", "0" if provider.startswith("CPU") else "1")
    return ort.InferenceSession(model.SerializeToString(), settings, providers=[provider])


def route_by(operator, provider):
    def route(logits, top_k):
        tokens, experts = logits.shape
        hidden = -(-experts // 64) * 64
        bias = np.eye(experts, hidden, dtype=np.float32)
        feeds = {"x": np.ones((tokens, hidden), np.float32), "logits": logits, **weights_of(operator, experts, hidden)}
        feeds["bias"] = bias
        names = tuple(feeds)
        feeds = {name: array for name, array in feeds.items() if array is not None}
        types = tuple(TYPES[array.dtype] for array in feeds.values())
        (y,) = session(operator, provider, top_k, names, types).run(["y"], feeds)
        return read(y, top_k)

    return route


def implementations():
    providers = [p for p in ("CPUExecutionProvider", "CUDAExecutionProvider") if p in ort.get_available_providers()]
    return [
        {
            "name": f"onnxruntime-python-{provider[:4].lower().rstrip('e')}-{operator.lower()}",
            "version": f"onnxruntime {ort.__version__}",
            "device": provider.replace("ExecutionProvider", ""),
            "router": ROUTER,
            "fused": True,
            "columns": True,
            "route": route_by(operator, provider),
        }
        for provider in providers
        for operator in ("MoE", "QMoE")
    ]
