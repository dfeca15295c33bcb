"""The whole contract in numpy, exact to the bit: an implementation, and what others are judged by."""

import numpy as np

from .dtypes import ARRAY_TYPES, FLOATS, from_float32, to_float32
from .errors import Refusal
from .routers import check_router
from .routing import route

F32 = np.float32


class Reference:
    """A backend that does everything that the contract says.

    Derive from it to have one stage of your own checked within whole dispatches: moeDispatch is made of the stages.
    """

    name = "numpy-reference"
    device = "CPU, numpy " + np.__version__
    dtypes = tuple(ARRAY_TYPES)
    exact = True
    #: The runner gives it routers that cannot be had, too.
    refuses = True

    def route_tokens(self, call):
        _check(call)
        experts, weights = route(call)
        return {"topKIndices": experts, "expertScalesFloat": weights}

    def plan_dispatch(self, call):
        num_experts = call.attributes["numExperts"]
        experts = _in_range("topKIndices", call["topKIndices"], num_experts)
        return plan(experts, num_experts, call.attributes.get("zeroExperts", 0))

    def permute_rows(self, call):
        rows = _in_range("permuteIndicesPerToken", call["permuteIndicesPerToken"], call["permuteIndicesPerToken"].size)
        weights = call["expertScalesFloat"] if "expertScalesFloat" in call else None
        return {"permuteInput": permute(call["x"], call.dtype("x"), rows, weights)}

    def moe_reduce(self, call):
        return {"output": call.rounded("output", reduce(call))}


def _check(call):
    check_router(call.router, set(call.inputs) - {"x", "gatingOutput"}, call["gatingOutput"].shape[1])


def _in_range(name, indices, end):
    """-1 is a choice that goes nowhere."""
    wrong = indices[(indices < -1) | (indices >= end)]
    if wrong.size:
        raise Refusal("INDEX_OUT_OF_RANGE", f"{name}: expected -1 to {end - 1}, found {wrong[0]}")
    return indices


def plan(experts, num_experts, zero_experts=0):
    """Where each choice's row goes: sorted by expert, then by token, then by choice.

    :param experts: [T, K]; choices outside of those that have rows get none
    """
    tokens, top_k = experts.shape
    with_rows = num_experts - zero_experts
    flat = experts.ravel()
    pairs = np.flatnonzero((flat >= 0) & (flat < with_rows))
    pairs = pairs[np.argsort(flat[pairs], kind="stable")]
    counts = np.bincount(flat[pairs], minlength=with_rows).astype(np.int64)
    rows = np.full((top_k, tokens), -1, np.int32)
    rows[pairs % max(top_k, 1), pairs // max(top_k, 1)] = np.arange(len(pairs), dtype=np.int32)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return {"tokenNumsPerExpert": counts, "expertOffsets": offsets, "permuteIndicesPerToken": rows}


def permute(x, dtype, rows, weights=None):
    """The rows of x [T, D] where the map [K, T] says; zeros in those that it does not name.

    :param weights: [T, K], by which each row is multiplied in float32
    """
    permuted = np.zeros((rows.size, x.shape[1]), x.dtype)
    choice, token = np.nonzero(rows >= 0)
    moved = x[token]
    if weights is not None:
        if dtype not in FLOATS:
            raise ValueError(f"rows of {dtype} cannot be multiplied")
        with np.errstate(all="ignore"):
            moved = from_float32(to_float32(moved, dtype) * weights[token, choice][:, None], dtype)
    permuted[rows[choice, token]] = moved
    return permuted


def reduce(call):
    """The sums of moeReduce in float32, not yet rounded to the dtype: [T, D]."""
    rows, experts = call["permuteIndicesPerToken"], call["topKIndices"]
    top_k, tokens = rows.shape
    values = call.floats("ffnOut")
    total = np.zeros((tokens, values.shape[1]), F32)
    bias = call.floats("ffn2Bias") if "ffn2Bias" in call else None
    identity = call.floats("x") if "x" in call else None
    with np.errstate(all="ignore"):
        weights = _weights(call)
        for k in range(top_k):
            row, expert = rows[k], experts[:, k]
            has_row = (row >= 0) & (row < len(values))
            if bias is not None:
                has_row &= (expert >= 0) & (expert < len(bias))
            token = np.flatnonzero(has_row)
            value = values[row[token]]
            if bias is not None:
                value = value + bias[expert[token]]
            total[token] += weights[token, k][:, None] * value
            if identity is not None:
                token = np.flatnonzero((row == -1) & (expert >= 0))
                total[token] += weights[token, k][:, None] * identity[token]
    return total


def _weights(call):
    scales = call["expertScalesFloat"]
    if call.attributes.get("applyRouterWeightOnInput", False):
        scales = np.ones_like(scales)
    factor = F32(call.attributes.get("routedScalingFactor", 1))
    if call.attributes.get("normTopkProb", False):
        total = np.zeros(len(scales), F32)
        for k in range(scales.shape[1]):
            total = total + scales[:, k]
        scales = np.where(total[:, None] == 0, F32(0), scales / total[:, None])
    return scales * factor


def make():
    """What ``--backend moe_conformance.reference:make`` names."""
    return Reference()
