"""Calls as tests make them."""

import numpy as np
from moe_conformance import Call, Spec, Tensor
from moe_conformance.cases import Expected
from moe_conformance.reference import Reference


def routing_call(logits, router, **tensors):
    logits = np.asarray(logits, np.float32)
    shape = (len(logits), router["topK"])
    outputs = {"topKIndices": Spec("int32", shape), "expertScalesFloat": Spec("float32", shape)}
    inputs = {"gatingOutput": Tensor("float32", logits)}
    for name, array in tensors.items():
        inputs[name] = Tensor(str(array.dtype), array)
    return Call("routeTokens", inputs, outputs, router)


def expected_of(call):
    """What the reference gives, as a case has it."""
    outputs = Reference().route_tokens(call)
    weights = outputs["expertScalesFloat"]
    slack = np.float32(2e-6) * weights
    return Expected(outputs, {"expertScalesFloat": (weights - slack, weights + slack)})
